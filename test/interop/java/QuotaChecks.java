import static org.apache.zookeeper.KeeperException.Code;

import java.util.List;
import org.apache.zookeeper.Quotas;
import org.apache.zookeeper.StatsTrack;
import org.apache.zookeeper.cli.DelQuotaCommand;
import org.apache.zookeeper.cli.ListQuotaCommand;
import org.apache.zookeeper.cli.SetQuotaCommand;

/** Quotas, set and read with the helpers of Apache's shell. The server enforces hard ones. */
final class QuotaChecks {

    private QuotaChecks() {
    }

    private static StatsTrack limits(long count, long bytes, long hardCount, long hardBytes) {
        StatsTrack limits = new StatsTrack();
        limits.setCount(count);
        limits.setBytes(bytes);
        limits.setCountHardLimit(hardCount);
        limits.setByteHardLimit(hardBytes);
        return limits;
    }

    private static StatsTrack used(Env env) throws Exception {
        return new StatsTrack(env.zk.getData(Quotas.statPath(env.root), false, null));
    }

    static void usageIsCounted(Env env) throws Exception {
        env.create("a", "12345");
        SetQuotaCommand.createQuota(env.zk, env.root, limits(100, 1000, -1, -1));
        Checks.equal("2 5", used(env).getCount() + " " + used(env).getBytes());
        env.create("b", "123");
        env.zk.setData(env.at("a"), Checks.utf8("1"), -1);
        Checks.equal("3 4", used(env).getCount() + " " + used(env).getBytes());
        env.zk.delete(env.at("b"), -1);
        Checks.equal("2 1", used(env).getCount() + " " + used(env).getBytes());
        List<StatsTrack> tracks = ListQuotaCommand.listQuota(env.zk, env.root);
        Checks.equal("count=100,bytes=1000=;byteHardLimit=-1;countHardLimit=-1",
            tracks.get(0).toString());
        Checks.equal("count=2,bytes=1", tracks.get(1).toString());
    }

    static void softLimitOnlyWarns(Env env) throws Exception {
        SetQuotaCommand.createQuota(env.zk, env.root, limits(2, 3, -1, -1));
        env.create("a", "12345");
        env.create("b", "12345");
        Checks.equal("3 10", used(env).getCount() + " " + used(env).getBytes());
    }

    static void hardCount(Env env) throws Exception {
        SetQuotaCommand.createQuota(env.zk, env.root, limits(-1, -1, 2, -1));
        env.create("a");
        Checks.equal(env.at("b"), Checks.fails(Code.QUOTAEXCEEDED,
            () -> env.create("b")).getPath());
        env.zk.delete(env.at("a"), -1);
        env.create("b");
    }

    static void hardBytes(Env env) throws Exception {
        SetQuotaCommand.createQuota(env.zk, env.root, limits(-1, -1, -1, 10));
        env.create("a", "12345");
        Checks.fails(Code.QUOTAEXCEEDED, () -> env.create("b", "123456"));
        Checks.fails(Code.QUOTAEXCEEDED, () -> env.zk.setData(env.at("a"),
            Checks.utf8("12345678901"), -1));
        env.zk.setData(env.at("a"), Checks.utf8("1234567890"), -1);
        env.zk.setData(env.at("a"), Checks.utf8("1"), -1);
        Checks.equal("2 1", used(env).getCount() + " " + used(env).getBytes());
    }

    static void deleteQuota(Env env) throws Exception {
        SetQuotaCommand.createQuota(env.zk, env.root, limits(5, -1, 2, -1));
        env.create("a");
        StatsTrack which = new StatsTrack();
        which.setCountHardLimit(1);
        DelQuotaCommand.delQuota(env.zk, env.root, which);
        Checks.equal("count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1",
            ListQuotaCommand.listQuota(env.zk, env.root).get(0).toString());
        env.create("b");
        DelQuotaCommand.delQuota(env.zk, env.root, null);
        Checks.equal(null, env.zk.exists(Quotas.quotaPath(env.root), false));
    }

    static void quotaSurvivesARestart(Env env) throws Exception {
        env.create("a", "12345");
        SetQuotaCommand.createQuota(env.zk, env.root, limits(-1, -1, 2, -1));
        Checks.operator("restart");
        env.session.reaches(org.apache.zookeeper.Watcher.Event.KeeperState.SyncConnected);
        Checks.equal("2 5", used(env).getCount() + " " + used(env).getBytes());
        Checks.fails(Code.QUOTAEXCEEDED, () -> env.create("b"));
    }
}
