/* Loads of houses as a simulator of the mosaik API, in C99 with POSIX sockets and nothing else.
 *
 *     cc -O2 -o house_load house_load.c -lm
 *
 * Started by a scenario of gridloom (or by mosaik), to which it connects: house_load HOST:PORT
 *
 * A template: replace the model, the first part. The rest speaks the mosaik API (second part), its
 * messages (third) and JSON (last), and can stay as it is.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* JSON: a value and, in objects, its name; arrays and objects have children. See the last part. */
typedef struct Json {
    char kind; /* { [ s (string) 0 (number) t f n (null) */
    char *name, *text;
    double number;
    struct Json *child, *next;
} Json;

static Json *json_read(const char *text);
static Json *json_get(const Json *object, const char *name); /* NULL if it has no such entry */
static Json *json_at(const Json *array, int place);
static void put(const char *format, ...); /* adds to the reply, as printf */
static void put_string(const char *text);
static void fail(const char *format, ...); /* the reply becomes a failure that says so */

/* ── Your model here ────────────────────────────────────────────────────────────────────────── */

/* What the simulator tells of itself: models, their parameters and attributes. */
static const char META[] =
    "{\"api_version\": \"3.0\", \"type\": \"time-based\", \"models\": {\"House\": {"
    "\"public\": true, \"params\": [\"mean_w\"], \"attrs\": [\"P[W]\", \"V[pu]\"]}}}";

typedef struct {
    double mean_w;
    double voltage_pu; /* received as V[pu] */
    double power_w;    /* sent as P[W], consumption positive */
} House;

/* P = (V / Vn)^2 * mean * (1 + sin(2 pi t / 24 h) / 2), t in seconds since the start. */
static void house_step(House *house, long time_s) {
    double rhythm = 1 + 0.5 * sin(2 * acos(-1) * time_s / 86400);
    house->power_w = house->voltage_pu * house->voltage_pu * house->mean_w * rhythm;
}

/* ── The mosaik API ─────────────────────────────────────────────────────────────────────────── */

static House *houses;
static int count;
static long step_size_s = 60;

static void init(const Json *parameters) {
    const Json *step = json_get(parameters, "step_size");
    if (step) step_size_s = (long)step->number;
    put("%s", META);
}

static void create(int number, const char *model, const Json *parameters) {
    if (strcmp(model, "House")) { fail("there is no model %s", model); return; }
    for (const Json *p = parameters->child; p; p = p->next)
        if (strcmp(p->name, "mean_w")) { fail("there is no parameter %s", p->name); return; }
    const Json *mean = json_get(parameters, "mean_w");
    houses = realloc(houses, (count + number) * sizeof *houses);
    if (!houses) exit(1);
    put("[");
    for (int i = 0; i < number; i++, count++) {
        double mean_w = (mean ? mean->number : 500) * (count + 1); /* so that houses differ */
        houses[count] = (House){.mean_w = mean_w, .voltage_pu = 1};
        put("%s{\"eid\": \"%s_%d\", \"type\": \"%s\"}", i ? "," : "", model, count, model);
    }
    put("]");
}

/* Returns the house of an entity id, such as House_3. */
static House *house_of(const char *id) {
    const char *number = strrchr(id, '_');
    int index = number ? atoi(number + 1) : -1;
    if (index >= 0 && index < count) return &houses[index];
    fail("there is no entity %s", id);
    return NULL;
}

/* Inputs are {entity: {attribute: {source: value}}}; a value may be null. */
static void step(long time_s, const Json *inputs) {
    for (const Json *entity = inputs->child; entity; entity = entity->next) {
        const Json *voltage = json_get(entity, "V[pu]");
        House *house = house_of(entity->name);
        if (!house) return;
        for (const Json *v = voltage ? voltage->child : NULL; v; v = v->next)
            house->voltage_pu = v->kind == 'n' ? 1 : v->number;
    }
    for (int i = 0; i < count; i++) house_step(&houses[i], time_s);
    put("%ld", time_s + step_size_s); /* when it wants to be stepped next */
}

/* Replies {entity: {attribute: value}} to what is asked as {entity: [attribute, ...]}. */
static void get_data(const Json *asked) {
    put("{");
    for (const Json *entity = asked->child; entity; entity = entity->next) {
        const House *house = house_of(entity->name);
        if (!house) return;
        put_string(entity->name);
        put(": {");
        for (const Json *a = entity->child; a; a = a->next) {
            double value = strcmp(a->text, "P[W]") ? house->voltage_pu : house->power_w;
            put_string(a->text);
            put(": %.17g%s", value, a->next ? "," : "");
        }
        put("}%s", entity->next ? "," : "");
    }
    put("}");
}

static void answer(const char *method, const Json *args, const Json *parameters) {
    if (!strcmp(method, "init")) init(parameters);
    else if (!strcmp(method, "create"))
        create((int)json_at(args, 0)->number, json_at(args, 1)->text, parameters);
    else if (!strcmp(method, "setup_done")) put("null");
    else if (!strcmp(method, "step")) step((long)json_at(args, 0)->number, json_at(args, 1));
    else if (!strcmp(method, "get_data")) get_data(json_at(args, 0));
    else fail("there is no method %s", method);
}

/* ── Messages: a length in four bytes, big endian, and JSON ─────────────────────────────────────
 *    request [0, id, [method, args, kwargs]]   reply [1, id, result]   failure [2, id, [...]]    */

static char *reply;
static size_t length, capacity;
static char failure[256];

static void put(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t more = (size_t)vsnprintf(NULL, 0, format, arguments);
    if (length + more + 1 > capacity) {
        capacity = 2 * (length + more + 1);
        reply = realloc(reply, capacity);
        if (!reply) exit(1);
    }
    vsnprintf(reply + length, more + 1, format, again);
    length += more;
    va_end(again);
    va_end(arguments);
}

static void put_string(const char *text) {
    put("\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') put("\\%c", *text);
        else if ((unsigned char)*text < ' ') put("\\u%04x", *text);
        else put("%c", *text);
    }
    put("\"");
}

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure, sizeof failure, format, arguments);
    va_end(arguments);
}

static int receive(int connection, void *into, size_t size) {
    for (char *at = into; size;) {
        ssize_t got = read(connection, at, size);
        if (got <= 0) return 0; /* whoever started us is gone */
        at += got;
        size -= (size_t)got;
    }
    return 1;
}

static void send_reply(int connection) {
    uint32_t size = htonl((uint32_t)length);
    if (write(connection, &size, sizeof size) != sizeof size) exit(1);
    for (size_t sent = 0; sent < length;) {
        ssize_t written = write(connection, reply + sent, length - sent);
        if (written <= 0) exit(1);
        sent += (size_t)written;
    }
}

static void serve(int connection) {
    uint32_t size;
    while (receive(connection, &size, sizeof size)) {
        char *frame = calloc(ntohl(size) + 1u, 1);
        if (!frame || !receive(connection, frame, ntohl(size))) return;
        const Json *message = json_read(frame), *request = json_at(message, 2);
        const char *method = json_at(request, 0)->text;
        if (!strcmp(method, "stop")) return;
        long id = (long)json_at(message, 1)->number;
        length = 0;
        failure[0] = 0;
        put("[1, %ld, ", id);
        answer(method, json_at(request, 1), json_at(request, 2));
        if (failure[0]) {
            length = 0;
            put("[2, %ld, [\"error\", ", id);
            put_string(failure);
            put("]");
        }
        put("]");
        send_reply(connection);
        free(frame);
    }
}

int main(int argc, char **argv) {
    char *colon = argc == 2 ? strrchr(argv[1], ':') : NULL;
    if (!colon) {
        fprintf(stderr, "usage: %s HOST:PORT\n", argv[0]);
        return 2;
    }
    *colon = 0;
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(argv[1], colon + 1, &hints, &found)) return 1;
    int connection = socket(found->ai_family, found->ai_socktype, found->ai_protocol), on = 1;
    if (connect(connection, found->ai_addr, found->ai_addrlen)) {
        perror("connect");
        return 1;
    }
    /* do not hold small messages back */
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(found);
    serve(connection);
    close(connection);
    free(houses);
    free(reply);
    return 0;
}

/* ── JSON ───────────────────────────────────────────────────────────────────────────────────── */

static Json *pool; /* values of the message at hand, taken anew for each message */
static size_t used, size_of_pool;
static const char *at;

static Json *new_value(char kind) {
    if (used == size_of_pool) {
        fprintf(stderr, "no JSON: more values than characters\n");
        exit(1);
    }
    pool[used] = (Json){.kind = kind};
    return &pool[used++];
}

static void space(void) {
    while (isspace((unsigned char)*at)) at++;
}

/* Reads a string in place: what it means is never longer than what is written. */
static char *read_string(void) {
    char *begin = (char *)++at, *end = begin;
    while (*at && *at != '"') {
        if (*at != '\\') {
            *end++ = *at++;
            continue;
        }
        const char *plain = "bfnrt", *found = strchr(plain, *++at);
        if (*at == 'u') { /* names and numbers are ASCII here; anything else becomes '?' */
            unsigned code = 0;
            sscanf(at + 1, "%4x", &code);
            *end++ = code < 128 ? (char)code : '?';
            at += strnlen(at, 5);
        } else {
            *end++ = found && *found ? "\b\f\n\r\t"[found - plain] : *at;
            at += *at != 0;
        }
    }
    if (*at) at++;
    *end = 0;
    return begin;
}

static Json *read_value(void) {
    space();
    Json *value = new_value(*at);
    if (*at == '{' || *at == '[') {
        char close_with = *at == '{' ? '}' : ']';
        Json **last = &value->child;
        for (at++, space(); *at && *at != close_with; space()) {
            char *name = NULL;
            if (value->kind == '{') {
                name = read_string();
                space();
                if (*at == ':') at++;
            }
            *last = read_value();
            (*last)->name = name;
            last = &(*last)->next;
            space();
            if (*at == ',') at++;
        }
        if (*at) at++;
    } else if (*at == '"') {
        value->kind = 's';
        value->text = read_string();
    } else if (strchr("tfn", *at)) {
        while (isalpha((unsigned char)*at)) at++;
    } else {
        char *end;
        value->kind = '0';
        value->number = strtod(at, &end);
        if (end == at) {
            fprintf(stderr, "no JSON: %s\n", at);
            exit(1);
        }
        at = end;
    }
    return value;
}

static Json *json_read(const char *text) {
    free(pool);
    used = 0;
    size_of_pool = strlen(text) + 1; /* every value takes a character at least */
    pool = calloc(size_of_pool, sizeof *pool);
    if (!pool) exit(1);
    at = text;
    return read_value();
}

static Json *json_get(const Json *object, const char *name) {
    for (Json *child = object->child; child; child = child->next)
        if (child->name && !strcmp(child->name, name)) return child;
    return NULL;
}

static Json *json_at(const Json *array, int place) {
    static Json nothing = {.kind = 'n', .text = ""};
    Json *child = array->child;
    while (child && place--) child = child->next;
    return child ? child : &nothing;
}
