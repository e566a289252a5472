import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Loads of houses as a simulator of the mosaik API, in Java 17 and nothing but the JDK.
 *
 * <p>Started by a scenario of gridloom (or by mosaik), to which it connects:
 *
 * <pre>    java HouseLoad.java HOST:PORT</pre>
 *
 * <p>A template: replace the model, the first part. The rest speaks the mosaik API (second part),
 * its messages (third) and JSON (last), and can stay as it is.
 */
public final class HouseLoad {

    // ── Your model here ────────────────────────────────────────────────────────────────────

    /** Attribute that is sent: active power in watts, consumption positive. */
    static final String POWER = "P[W]";

    /** Attribute that is received: voltage per unit of nominal. */
    static final String VOLTAGE = "V[pu]";

    /** One house: a daily rhythm behind a constant impedance. */
    static final class House {
        final double meanW;
        double voltagePu = 1.0;
        double powerW;

        House(int index, Map<String, Object> parameters) {
            double meanW = number(parameters.getOrDefault("mean_w", 500.0));
            this.meanW = meanW * (index + 1); // so that houses differ
        }

        /** P = (V / Vn)^2 * mean * (1 + sin(2 pi t / 24 h) / 2), t in seconds since the start. */
        void step(long timeS) {
            double rhythm = 1 + 0.5 * Math.sin(2 * Math.PI * timeS / 86400);
            powerW = voltagePu * voltagePu * meanW * rhythm;
        }
    }

    /** What the simulator tells of itself: models, their parameters and attributes. */
    static final String META = """
            {"api_version": "3.0", "type": "time-based", "models": {"House": {
                "public": true, "params": ["mean_w"], "attrs": ["P[W]", "V[pu]"]}}}
            """;

    // ── The mosaik API ─────────────────────────────────────────────────────────────────────

    private final Map<String, House> houses = new LinkedHashMap<>();
    private long stepSizeS = 60;

    /** Do what a request asks for, and return the reply; whatever is thrown becomes a failure. */
    Object answer(String method, List<Object> args, Map<String, Object> parameters) {
        return switch (method) {
            case "init" -> init(parameters);
            case "create" -> create((int) number(args.get(0)), (String) args.get(1), parameters);
            case "setup_done" -> null;
            case "step" -> step((long) number(args.get(0)), object(args.get(1)));
            case "get_data" -> getData(object(args.get(0)));
            default -> throw new IllegalArgumentException("there is no method " + method);
        };
    }

    private Object init(Map<String, Object> parameters) {
        stepSizeS = (long) number(parameters.getOrDefault("step_size", 60.0));
        return Json.read(META);
    }

    private Object create(int number, String model, Map<String, Object> parameters) {
        if (!model.equals("House")) throw new IllegalArgumentException("there is no model " + model);
        for (String name : parameters.keySet()) {
            if (!name.equals("mean_w")) throw new IllegalArgumentException("no parameter " + name);
        }
        List<Object> created = new ArrayList<>();
        for (int i = 0; i < number; i++) {
            String id = model + "_" + houses.size();
            houses.put(id, new House(houses.size(), parameters));
            created.add(Map.of("eid", id, "type", model));
        }
        return created;
    }

    /** Step all houses; inputs are {entity: {attribute: {source: value}}}, values may be null. */
    private Object step(long timeS, Map<String, Object> inputs) {
        houses.forEach((id, house) -> {
            Map<String, Object> attributes = object(inputs.getOrDefault(id, Map.of()));
            for (Object value : object(attributes.getOrDefault(VOLTAGE, Map.of())).values()) {
                house.voltagePu = value == null ? 1.0 : number(value);
            }
            house.step(timeS);
        });
        return timeS + stepSizeS; // when it wants to be stepped next
    }

    /** Return {entity: {attribute: value}} for what is asked as {entity: [attribute, ...]}. */
    private Object getData(Map<String, Object> asked) {
        Map<String, Object> found = new LinkedHashMap<>();
        asked.forEach((id, attributes) -> {
            House house = houses.get(id);
            Map<String, Object> values = new LinkedHashMap<>();
            for (Object attribute : (List<?>) attributes) {
                values.put((String) attribute,
                        attribute.equals(POWER) ? house.powerW : house.voltagePu);
            }
            found.put(id, values);
        });
        return found;
    }

    // ── Messages: a length in four bytes, big endian, and JSON ─────────────────────────────
    //    request [0, id, [method, args, kwargs]]   reply [1, id, result]   failure [2, id, text]

    public static void main(String[] arguments) throws IOException {
        int colon = arguments[0].lastIndexOf(':');
        String host = arguments[0].substring(0, colon);
        int port = Integer.parseInt(arguments[0].substring(colon + 1));
        try (Socket socket = new Socket(host, port)) {
            socket.setTcpNoDelay(true); // do not hold small messages back
            new HouseLoad().serve(new DataInputStream(socket.getInputStream()),
                    new DataOutputStream(socket.getOutputStream()));
        } catch (EOFException end) {
            // whoever started us is gone
        }
    }

    private void serve(DataInputStream in, DataOutputStream out) throws IOException {
        while (true) {
            byte[] frame = new byte[in.readInt()];
            in.readFully(frame);
            List<?> message = (List<?>) Json.read(new String(frame, StandardCharsets.UTF_8));
            List<?> request = (List<?>) message.get(2);
            String method = (String) request.get(0);
            if (method.equals("stop")) {
                return;
            }
            List<Object> reply = new ArrayList<>(List.of(1, message.get(1)));
            try {
                reply.add(answer(method, new ArrayList<>((List<?>) request.get(1)),
                        object(request.get(2))));
            } catch (RuntimeException error) {
                reply.set(0, 2);
                reply.add(List.of(error.getClass().getSimpleName(), "" + error.getMessage()));
            }
            byte[] text = Json.write(reply).getBytes(StandardCharsets.UTF_8);
            out.writeInt(text.length);
            out.write(text);
            out.flush();
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    private static double number(Object value) {
        return ((Number) value).doubleValue();
    }

    // ── JSON: objects are maps, arrays lists, numbers doubles ──────────────────────────────

    static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Object read(String text) {
            Json json = new Json(text);
            Object value = json.value();
            json.space();
            if (json.at < text.length()) {
                throw new IllegalArgumentException("no JSON: " + text);
            }
            return value;
        }

        private Object value() {
            space();
            return switch (text.charAt(at)) {
                case '{' -> map();
                case '[' -> list();
                case '"' -> string();
                case 't' -> word("true", true);
                case 'f' -> word("false", false);
                case 'n' -> word("null", null);
                case 'N' -> word("NaN", Double.NaN);
                default -> numeral();
            };
        }

        private Map<String, Object> map() {
            Map<String, Object> found = new LinkedHashMap<>();
            for (at++; !ends('}'); ) {
                String name = string();
                expect(':');
                found.put(name, value());
            }
            return found;
        }

        private List<Object> list() {
            List<Object> found = new ArrayList<>();
            for (at++; !ends(']'); ) {
                found.add(value());
            }
            return found;
        }

        /** Skip a comma, or the bracket that ends what is being read; return whether it was it. */
        private boolean ends(char bracket) {
            space();
            if (text.charAt(at) == ',') {
                at++;
                space();
            }
            boolean end = text.charAt(at) == bracket;
            at += end ? 1 : 0;
            return end;
        }

        private String string() {
            expect('"');
            StringBuilder found = new StringBuilder();
            while (text.charAt(at) != '"') {
                char c = text.charAt(at++);
                found.append(c == '\\' ? escaped(text.charAt(at++)) : c);
            }
            at++;
            return found.toString();
        }

        private char escaped(char c) {
            if (c == 'u') {
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            }
            int place = "bfnrt".indexOf(c);
            return place < 0 ? c : "\b\f\n\r\t".charAt(place);
        }

        private Double numeral() {
            int begin = at;
            while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            return Double.valueOf(text.substring(begin, at));
        }

        private Object word(String word, Object meaning) {
            if (!text.startsWith(word, at)) {
                throw new IllegalArgumentException("no JSON at " + text.substring(at));
            }
            at += word.length();
            return meaning;
        }

        private void expect(char c) {
            space();
            if (text.charAt(at++) != c) {
                throw new IllegalArgumentException("no " + c + " at " + text.substring(at - 1));
            }
        }

        private void space() {
            while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
                at++;
            }
        }

        static String write(Object value) {
            StringBuilder out = new StringBuilder();
            write(value, out);
            return out.toString();
        }

        private static void write(Object value, StringBuilder out) {
            if (value instanceof Map<?, ?> map) {
                String separator = "{";
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(separator);
                    write(entry.getKey(), out);
                    out.append(':');
                    write(entry.getValue(), out);
                    separator = ",";
                }
                out.append(map.isEmpty() ? "{}" : "}");
            } else if (value instanceof List<?> list) {
                String separator = "[";
                for (Object item : list) {
                    out.append(separator);
                    write(item, out);
                    separator = ",";
                }
                out.append(list.isEmpty() ? "[]" : "]");
            } else if (value instanceof String text) {
                writeString(text, out);
            } else if (value instanceof Double number && number == Math.rint(number)
                    && Math.abs(number) < 1e15) {
                out.append(number.longValue()); // ids of messages and times are whole numbers
            } else {
                out.append(value);
            }
        }

        private static void writeString(String text, StringBuilder out) {
            out.append('"');
            for (char c : text.toCharArray()) {
                if (c == '"' || c == '\\') {
                    out.append('\\').append(c);
                } else if (c < ' ') {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            out.append('"');
        }
    }
}
