import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.apache.zookeeper.KeeperException;

/**
 * Runs every "static void name(Env)" of one class against a server and says how it went:
 *
 *     java Checks Class [name...] host:port
 *
 *     ok 1 name
 *     not ok 2 name: what was wrong
 *     1..2
 *
 * What only the operator can do is asked for on standard output ("operator: restart") and answered
 * by one line on standard input.
 */
public final class Checks {

    static final long WAIT_MS = 15_000;

    private static final BufferedReader ANSWERS =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    interface Action {
        void run() throws Exception;
    }

    private Checks() {
    }

    public static void main(String[] args) throws Exception {
        List<Method> methods = new ArrayList<>();
        List<String> wanted = Arrays.asList(args).subList(1, args.length - 1);
        for (Method method : Class.forName(args[0]).getDeclaredMethods()) {
            if (Modifier.isStatic(method.getModifiers()) && !method.isSynthetic()
                && Arrays.equals(method.getParameterTypes(), new Class<?>[] {Env.class})
                && (wanted.isEmpty() || wanted.contains(method.getName()))) {
                methods.add(method);
            }
        }
        methods.sort(Comparator.comparing(Method::getName));
        int number = 0;
        for (Method method : methods) {
            number++;
            String problem = run(method, args[0], args[args.length - 1]);
            System.out.println((problem == null ? "ok " : "not ok ") + number + " "
                + method.getName()
                + (problem == null ? "" : ": " + problem.replace("\n", " ")));
        }
        System.out.println("1.." + number);
        System.exit(0);
    }

    private static String run(Method method, String owner, String hosts) throws Exception {
        try (Env env = new Env(hosts, owner + "_" + method.getName())) {
            method.invoke(null, env);
            return null;
        } catch (InvocationTargetException e) {
            Throwable cause = e.getCause();
            StackTraceElement[] where = cause.getStackTrace();
            StringBuilder text = new StringBuilder(cause.toString());
            for (StackTraceElement element : where) {
                if (element.getClassName().startsWith(owner)) {
                    text.append(" at ").append(element.getFileName()).append(':').append(
                        element.getLineNumber());
                }
            }
            return text.toString();
        }
    }

    /** Asks whoever started this program to do something with the server. */
    static void operator(String what) throws Exception {
        System.out.println("operator: " + what);
        String answer = ANSWERS.readLine();
        equal("done", answer);
    }

    static void equal(Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected <" + expected + "> but was <" + actual + ">");
        }
    }

    static void bytes(byte[] expected, byte[] actual) {
        if (!Arrays.equals(expected, actual)) {
            throw new AssertionError("expected " + Arrays.toString(expected) + " but was "
                + Arrays.toString(actual));
        }
    }

    static void holds(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError("does not hold: " + what);
        }
    }

    /** The action must fail with this code; its exception is returned. */
    static KeeperException fails(KeeperException.Code code, Action action) throws Exception {
        try {
            action.run();
        } catch (KeeperException e) {
            equal(code, e.code());
            return e;
        }
        throw new AssertionError("expected " + code + " but it succeeded");
    }

    static void refused(Class<? extends Exception> type, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception e) {
            if (type.isInstance(e)) {
                return;
            }
            throw e;
        }
        throw new AssertionError("expected " + type.getSimpleName() + " but it succeeded");
    }

    /** Waits until the condition is true. */
    static void eventually(String what, Callable<Boolean> condition) throws Exception {
        long end = System.currentTimeMillis() + WAIT_MS;
        while (!condition.call()) {
            holds(System.currentTimeMillis() < end, what + " in " + WAIT_MS + " ms");
            Thread.sleep(20);
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
