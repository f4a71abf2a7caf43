import java.io.ByteArrayOutputStream;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.jute.BinaryOutputArchive;
import org.apache.jute.Record;

/**
 * Writes jute_vectors.txt: records as Apache ZooKeeper's own classes write them, to compare our codec with.
 *
 *     java -cp zookeeper-3.9.5.jar:zookeeper-jute-3.9.5.jar JuteVectors.java > jute_vectors.txt
 *
 * One line each: name, version, bytes in hex. Values are random from a fixed seed, so the file can be made again.
 */
public class JuteVectors {
    private static final Random RANDOM = new Random(3);
    private static final String[] CLASSES = {
        "data.ACL", "data.ClientInfo", "data.Id", "data.Stat", "data.StatPersisted", "proto.AddWatchRequest",
        "proto.AuthPacket", "proto.CheckVersionRequest", "proto.CheckWatchesRequest", "proto.ConnectRequest",
        "proto.ConnectResponse", "proto.Create2Response", "proto.CreateRequest", "proto.CreateResponse",
        "proto.CreateTTLRequest", "proto.DeleteRequest", "proto.ErrorResponse", "proto.ExistsRequest",
        "proto.ExistsResponse", "proto.GetACLRequest", "proto.GetACLResponse", "proto.GetAllChildrenNumberRequest",
        "proto.GetAllChildrenNumberResponse", "proto.GetChildren2Request", "proto.GetChildren2Response",
        "proto.GetChildrenRequest", "proto.GetChildrenResponse", "proto.GetDataRequest", "proto.GetDataResponse",
        "proto.GetEphemeralsRequest", "proto.GetEphemeralsResponse", "proto.GetMaxChildrenRequest",
        "proto.GetMaxChildrenResponse", "proto.GetSASLRequest", "proto.MultiHeader", "proto.ReconfigRequest",
        "proto.RemoveWatchesRequest", "proto.ReplyHeader", "proto.RequestHeader", "proto.SetACLRequest",
        "proto.SetACLResponse", "proto.SetDataRequest", "proto.SetDataResponse", "proto.SetMaxChildrenRequest",
        "proto.SetSASLRequest", "proto.SetSASLResponse", "proto.SetWatches", "proto.SetWatches2", "proto.SyncRequest",
        "proto.SyncResponse", "proto.WatcherEvent", "proto.WhoAmIResponse", "DeleteContainerRequest",
        "server.persistence.FileHeader", "server.quorum.LearnerInfo", "server.quorum.QuorumAuthPacket",
        "server.quorum.QuorumPacket", "txn.CheckVersionTxn", "txn.CloseSessionTxn", "txn.CreateContainerTxn",
        "txn.CreateSessionTxn", "txn.CreateTTLTxn", "txn.CreateTxn", "txn.CreateTxnV0", "txn.DeleteTxn",
        "txn.ErrorTxn", "txn.MultiTxn", "txn.SetACLTxn", "txn.SetDataTxn", "txn.SetMaxChildrenTxn", "txn.Txn",
        "txn.TxnDigest", "txn.TxnHeader",
    };

    private static Object fill(Type type, boolean small) throws Exception {
        if (type instanceof ParameterizedType) {
            List<Object> elements = new ArrayList<>();
            for (int i = small ? 2 : RANDOM.nextInt(3); i < 2; i++) {
                elements.add(fill(((ParameterizedType) type).getActualTypeArguments()[0], false));
            }
            return small ? null : elements;
        }
        if (type == int.class) {
            return RANDOM.nextInt();
        } else if (type == long.class) {
            return RANDOM.nextLong();
        } else if (type == boolean.class) {
            return RANDOM.nextBoolean();
        } else if (type == String.class) {
            return small ? null : "/text-" + RANDOM.nextInt(1000);
        } else if (type == byte[].class) {
            byte[] bytes = new byte[RANDOM.nextInt(20)];
            RANDOM.nextBytes(bytes);
            return small ? null : bytes;
        }
        return fillRecord((Class<?>) type, small);
    }

    private static Record fillRecord(Class<?> type, boolean small) throws Exception {
        if (type.getSimpleName().equals("DeleteContainerRequest")) {
            return (Record) type.getConstructor(String.class).newInstance("/container");
        }
        Object record = type.getConstructor().newInstance();
        Method[] methods = type.getMethods();
        java.util.Arrays.sort(methods, java.util.Comparator.comparing(Method::getName));
        for (Method method : methods) {
            if (method.getName().startsWith("set") && method.getParameterCount() == 1) {
                method.invoke(record, fill(method.getGenericParameterTypes()[0], small));
            }
        }
        return (Record) record;
    }

    public static void main(String[] arguments) throws Exception {
        for (String name : CLASSES) {
            Class<?> type = Class.forName("org.apache.zookeeper." + name);
            String snake = type.getSimpleName().replaceAll("([a-z0-9])([A-Z])", "$1_$2")
                    .replaceAll("([A-Z]+)([A-Z][a-z])", "$1_$2").toLowerCase();
            int version = snake.startsWith("connect_") ? 1 : snake.equals("learner_info") ? 2 : 0;
            for (int i = 0; i < 3; i++) {
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                fillRecord(type, i == 0).serialize(BinaryOutputArchive.getArchive(out), "record");
                System.out.println(snake + " " + version + " " + HexFormat.of().formatHex(out.toByteArray()));
            }
        }
    }
}
