/** Exceptions, strings and compressed streams (zlib calls malloc), compiled. */
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

public class Churn {
    static int deep(int depth) {
        if (depth == 0)
            throw new IllegalStateException("on purpose");
        return deep(depth - 1) + 1;
    }

    static byte[] pack(byte[] data) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Deflater deflater = new Deflater();
        try (DeflaterOutputStream to =
                 new DeflaterOutputStream(out, deflater)) {
            to.write(data);
        }
        deflater.end();
        return out.toByteArray();
    }

    static long work(int rounds) throws Exception {
        List<String> lines = new ArrayList<>();
        long sum = 0;
        for (int i = 0; i < rounds; i++) {
            lines.add("line " + i);
            try {
                deep(i % 50);
            } catch (IllegalStateException e) {
                sum += e.getStackTrace().length;
            }
            sum += pack(String.join("\n", lines.subList(
                Math.max(0, i - 20), i + 1)).getBytes()).length;
        }
        return sum;
    }

    public static void main(String[] arguments) throws Exception {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0])
                                          : 2000;
        Thread other = new Thread(() -> {
            try {
                work(rounds);
            } catch (Exception e) {
                throw new RuntimeException(e);
            }
        });
        other.start();
        System.out.println(work(rounds));
        other.join();
    }
}
