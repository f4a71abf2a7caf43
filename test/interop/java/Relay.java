import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** Stands between a client and the server, so that a check can cut the connection. */
final class Relay implements AutoCloseable {

    private final String[] target;
    private final ServerSocket listener = new ServerSocket(0, 16,
        InetAddress.getByName("127.0.0.1"));
    private final List<Socket> open = new ArrayList<>();
    private boolean cut;

    Relay(String hosts) throws IOException {
        target = hosts.split(":");
        start(this::accept);
    }

    String hosts() {
        return "127.0.0.1:" + listener.getLocalPort();
    }

    /** Lets no new connection through until mend(). */
    synchronized void refuse() {
        cut = true;
    }

    /** Ends every connection and lets none through until mend(). */
    synchronized void cut() throws IOException {
        cut = true;
        for (Socket socket : open) {
            socket.close();
        }
        open.clear();
    }

    synchronized void mend() {
        cut = false;
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = listener.accept();
            synchronized (this) {
                if (cut) {
                    client.close();
                    continue;
                }
                Socket server = new Socket(target[0], Integer.parseInt(target[1]));
                open.add(client);
                open.add(server);
                start(() -> copy(client, server));
                start(() -> copy(server, client));
            }
        }
    }

    private static void copy(Socket from, Socket to) throws IOException {
        try (from; to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[65536];
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                out.write(buffer, 0, length);
            }
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException e) {
                return; // the other side is gone, which is what a cut is
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cut();
    }
}
