import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs one of Kafka's command line tools after another in one virtual machine, since starting one takes as long as
 * twenty tools. Each line of standard input is words in base64 with spaces between: the main class, what the tool
 * reads from standard input, and its arguments. Each line of standard output is the exit code and what the tool
 * wrote to standard output and standard error, in base64 with a dash in front (so that no word is empty).
 *
 * A tool's exit does not return, as the real one would not: its thread stops there for good. What tools leave to the
 * end of the process (shutdown hooks) runs before the answer. Tools that call System.exit themselves cannot run here.
 */
public class ToolRunner {
    private static final int TIMEOUT_S = 60;

    /** Tools and loggers keep the streams they find, so these stay and what is behind them changes. */
    private static class Switch extends OutputStream {
        private ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        public synchronized void write(int value) {
            bytes.write(value);
        }

        @Override
        public synchronized void write(byte[] values, int from, int count) {
            bytes.write(values, from, count);
        }

        synchronized byte[] take() {
            byte[] taken = bytes.toByteArray();
            bytes = new ByteArrayOutputStream();
            return taken;
        }
    }

    private static class Run {
        final CountDownLatch done = new CountDownLatch(1);
        final List<Runnable> hooks = new ArrayList<>();
        int code = 0;

        synchronized void end(int with) {
            if (done.getCount() > 0) {
                code = with;
                done.countDown();
            }
        }
    }

    private static volatile Run current = new Run();

    private static String encode(byte[] bytes) {
        return "-" + Base64.getEncoder().encodeToString(bytes);
    }

    private static String decode(String word) {
        return new String(Base64.getDecoder().decode(word.substring(1)), StandardCharsets.UTF_8);
    }

    private static void exit(int code, String message) {
        Run run = current;
        run.end(code);
        while (true) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException e) {
                // Whoever exits does not go on.
            }
        }
    }

    private static void call(Run run, String name, String[] arguments) {
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            run.end(0);
        } catch (InvocationTargetException e) {
            System.err.print("Exception in thread \"main\" ");
            e.getCause().printStackTrace();
            run.end(1);
        } catch (ReflectiveOperationException e) {
            e.printStackTrace();
            run.end(125);
        }
    }

    private static int run(String name, String input, String[] arguments) throws InterruptedException {
        Run run = new Run();
        current = run;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        Thread thread = new Thread(() -> call(run, name, arguments), "main");
        thread.setDaemon(true);
        thread.start();
        if (!run.done.await(TIMEOUT_S, TimeUnit.SECONDS)) {
            System.err.println("the tool did not end within " + TIMEOUT_S + " s");
            run.end(124);
        }
        Thread last = new Thread(() -> run.hooks.forEach(Runnable::run), "hooks");
        last.setDaemon(true);
        last.start();
        last.join(TIMEOUT_S * 1000L);
        return run.code;
    }

    public static void main(String[] none) throws Exception {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "US-ASCII");
        Switch out = new Switch();
        Switch err = new Switch();
        System.setOut(new PrintStream(out, true, "UTF-8"));
        System.setErr(new PrintStream(err, true, "UTF-8"));
        Exit.setExitProcedure(ToolRunner::exit);
        Exit.setHaltProcedure(ToolRunner::exit);
        Exit.setShutdownHookAdder((name, hook) -> current.hooks.add(hook));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            String[] words = line.split(" ");
            String[] arguments = new String[words.length - 2];
            for (int i = 0; i < arguments.length; i++) {
                arguments[i] = decode(words[i + 2]);
            }
            int code = run(decode(words[0]), decode(words[1]), arguments);
            System.out.flush();
            System.err.flush();
            answers.println(code + " " + encode(out.take()) + " " + encode(err.take()));
        }
        Runtime.getRuntime().halt(0);
    }
}
