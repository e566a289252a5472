/* An FMU by FMI 2.0 that does what the tests need: a store of heat without losses, numbers of every
 * type, and every way to fail. `journal` is the name of a file to which it writes its life. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmi2Functions.h"

enum { POWER, TEMPERATURE, CAPACITY, POWER_KW, MODE, COUNT, ENABLE, ENABLED, JOURNAL, FAIL_AT, FAULT,
       GAIN, CLOCK, VARIABLES };
enum { NONE, ERROR, DISCARD, END, NOT_A_NUMBER, FATAL, PENDING, CRASH, LEAVE, CRIPPLED_START };

typedef struct {
    double real[VARIABLES];
    int integer[VARIABLES];
    char name[200], journal[1000];
    int asks_for_end;
    const fmi2CallbackFunctions *callbacks;
} Instance;

static void note(Instance *me, const char *what) {
    FILE *file = me->journal[0] ? fopen(me->journal, "a") : NULL;
    if (!file) return;
    fprintf(file, "%s %s\n", what, me->name);
    fclose(file);
}

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *callbacks, fmi2Boolean visible,
                              fmi2Boolean logging) {
    if (chdir("/") || strstr(name, "refuses")) {
        callbacks->logger(callbacks->componentEnvironment, name, fmi2Error, "logStatusError",
                          "no licence for %s", name);
        return NULL;
    }
    Instance *me = calloc(1, sizeof *me);
    strncpy(me->name, name, sizeof me->name - 1);
    me->callbacks = callbacks;
    me->real[CAPACITY] = 1000;
    me->real[FAIL_AT] = -1;
    me->real[GAIN] = 1;
    me->real[TEMPERATURE] = 273.15;
    me->integer[MODE] = 3;
    if (logging)
        callbacks->logger(callbacks->componentEnvironment, name, fmi2OK, "logAll", "made %s", name);
    return me;
}

void fmi2FreeInstance(fmi2Component c) { note(c, "free"); free(c); }
fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean has, fmi2Real tolerance, fmi2Real start,
                               fmi2Boolean ends, fmi2Real stop) {
    char line[100];
    snprintf(line, sizeof line, "setup tolerance=%g start=%g stop=%g", has ? tolerance : 0, start,
             ends ? stop : -1);
    note(c, line);
    return fmi2OK;
}
fmi2Status fmi2EnterInitializationMode(fmi2Component c) {
    return ((Instance *)c)->integer[FAULT] == CRIPPLED_START ? fmi2Error : fmi2OK;
}
fmi2Status fmi2ExitInitializationMode(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2Terminate(fmi2Component c) { note(c, "terminate"); return fmi2OK; }

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Real v[]) {
    for (size_t i = 0; i < n; i++) v[i] = ((Instance *)c)->real[r[i]];
    return fmi2OK;
}
fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Real v[]) {
    for (size_t i = 0; i < n; i++) ((Instance *)c)->real[r[i]] = v[i];
    return fmi2OK;
}
fmi2Status fmi2GetInteger(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Integer v[]) {
    for (size_t i = 0; i < n; i++) v[i] = ((Instance *)c)->integer[r[i]];
    return fmi2OK;
}
fmi2Status fmi2SetInteger(fmi2Component c, const fmi2ValueReference r[], size_t n,
                          const fmi2Integer v[]) {
    for (size_t i = 0; i < n; i++) ((Instance *)c)->integer[r[i]] = v[i];
    return fmi2OK;
}
fmi2Status fmi2GetBoolean(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Boolean v[]) {
    return fmi2GetInteger(c, r, n, v);
}
fmi2Status fmi2SetBoolean(fmi2Component c, const fmi2ValueReference r[], size_t n,
                          const fmi2Boolean v[]) {
    return fmi2SetInteger(c, r, n, v);
}
fmi2Status fmi2SetString(fmi2Component c, const fmi2ValueReference r[], size_t n,
                         const fmi2String v[]) {
    Instance *me = c;
    strncpy(me->journal, v[0], sizeof me->journal - 1);
    note(me, "begin");
    return fmi2OK;
}

static fmi2Status fail(Instance *me, double time) {
    me->callbacks->logger(me->callbacks->componentEnvironment, me->name, fmi2Error,
                          "logStatusError", "the compressor of %s tripped at %g s", me->name, time);
    switch (me->integer[FAULT]) {
        case ERROR: return fmi2Error;
        case DISCARD: return fmi2Discard;
        case END: me->asks_for_end = 1; return fmi2Discard;
        case NOT_A_NUMBER: me->real[POWER_KW] = NAN; return fmi2OK;
        case FATAL: return fmi2Fatal;
        case PENDING: return fmi2Pending;
        case CRASH: abort();
        case LEAVE: _exit(3);
    }
    return fmi2OK;
}

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real time, fmi2Real size, fmi2Boolean no_return) {
    Instance *me = c;
    double power = me->real[GAIN] * me->real[POWER];
    me->real[TEMPERATURE] += power * size / me->real[CAPACITY];
    me->real[POWER_KW] = power / 1000;
    me->real[CLOCK] = time + size;
    me->integer[COUNT] += me->integer[MODE];
    me->integer[ENABLED] = me->integer[ENABLE];
    return time == me->real[FAIL_AT] ? fail(me, time) : fmi2OK;
}
fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Boolean *value) {
    *value = kind == fmi2Terminated && ((Instance *)c)->asks_for_end;
    return fmi2OK;
}

#define UNUSED(name, ...) fmi2Status name(__VA_ARGS__) { return fmi2Error; }
fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t n, const fmi2String w[]) {
    return fmi2OK;
}
UNUSED(fmi2Reset, fmi2Component c)
UNUSED(fmi2GetString, fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2String v[])
UNUSED(fmi2GetFMUstate, fmi2Component c, fmi2FMUstate *s)
UNUSED(fmi2SetFMUstate, fmi2Component c, fmi2FMUstate s)
UNUSED(fmi2FreeFMUstate, fmi2Component c, fmi2FMUstate *s)
UNUSED(fmi2SerializedFMUstateSize, fmi2Component c, fmi2FMUstate s, size_t *n)
UNUSED(fmi2SerializeFMUstate, fmi2Component c, fmi2FMUstate s, fmi2Byte b[], size_t n)
UNUSED(fmi2DeSerializeFMUstate, fmi2Component c, const fmi2Byte b[], size_t n, fmi2FMUstate *s)
UNUSED(fmi2GetDirectionalDerivative, fmi2Component c, const fmi2ValueReference u[], size_t nu,
       const fmi2ValueReference k[], size_t nk, const fmi2Real dk[], fmi2Real du[])
UNUSED(fmi2SetRealInputDerivatives, fmi2Component c, const fmi2ValueReference r[], size_t n,
       const fmi2Integer o[], const fmi2Real v[])
UNUSED(fmi2GetRealOutputDerivatives, fmi2Component c, const fmi2ValueReference r[], size_t n,
       const fmi2Integer o[], fmi2Real v[])
UNUSED(fmi2CancelStep, fmi2Component c)
UNUSED(fmi2GetStatus, fmi2Component c, const fmi2StatusKind k, fmi2Status *v)
UNUSED(fmi2GetRealStatus, fmi2Component c, const fmi2StatusKind k, fmi2Real *v)
UNUSED(fmi2GetIntegerStatus, fmi2Component c, const fmi2StatusKind k, fmi2Integer *v)
UNUSED(fmi2GetStringStatus, fmi2Component c, const fmi2StatusKind k, fmi2String *v)
