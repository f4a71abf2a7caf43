import static org.apache.zookeeper.KeeperException.Code;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;

/** ACLs and authentication: world, auth, digest, ip, super. */
final class AccessChecks {

    private AccessChecks() {
    }

    private static List<ACL> acl(int perms, String scheme, String id) {
        return Arrays.asList(new ACL(perms, new Id(scheme, id)));
    }

    private static String digest(String user) throws Exception {
        return DigestAuthenticationProvider.generateDigest(user);
    }

    static void defaultAcls(Env env) throws Exception {
        env.create("a");
        Stat stat = new Stat();
        Checks.equal(Ids.OPEN_ACL_UNSAFE, env.zk.getACL(env.at("a"), stat));
        Checks.equal(env.zk.exists(env.at("a"), false), stat);
        Checks.fails(Code.NONODE, () -> env.zk.getACL(env.at("no"), null));
    }

    static void setAclVersions(Env env) throws Exception {
        env.create("a");
        Stat stat = env.zk.setACL(env.at("a"), Ids.OPEN_ACL_UNSAFE, 0);
        Checks.equal("1 0", stat.getAversion() + " " + stat.getVersion());
        Checks.equal(stat.getCzxid(), stat.getMzxid());
        Checks.fails(Code.BADVERSION, () -> env.zk.setACL(env.at("a"), Ids.OPEN_ACL_UNSAFE, 0));
        Checks.equal(2, env.zk.setACL(env.at("a"), Ids.READ_ACL_UNSAFE, -1).getAversion());
        Checks.equal(Ids.READ_ACL_UNSAFE, env.zk.getACL(env.at("a"), null));
        Checks.fails(Code.NOAUTH, () -> env.zk.setACL(env.at("a"), Ids.OPEN_ACL_UNSAFE, -1));
        Checks.fails(Code.NONODE, () -> env.zk.setACL(env.at("no"), Ids.OPEN_ACL_UNSAFE, -1));
    }

    /** Every permission is needed by its requests and by no other. */
    static void eachPermission(Env env) throws Exception {
        int[] bits = {Perms.READ, Perms.WRITE, Perms.CREATE, Perms.DELETE, Perms.ADMIN};
        for (int bit : bits) {
            String node = env.at("p" + bit);
            env.zk.create(node, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            env.zk.create(node + "/old", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            env.zk.setACL(node, acl(Perms.ALL & ~bit, "world", "anyone"), -1);
            may(bit != Perms.READ, () -> env.zk.getData(node, false, null));
            may(bit != Perms.READ, () -> env.zk.getChildren(node, false));
            may(bit != Perms.READ, () -> env.zk.getAllChildrenNumber(node));
            may(bit != Perms.READ, () -> env.zk.exists(node, false));
            may(bit != Perms.WRITE, () -> env.zk.setData(node, null, -1));
            may(bit != Perms.CREATE, () ->
                env.zk.create(node + "/new", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            may(bit != Perms.DELETE, () -> env.zk.delete(node + "/old", -1));
            may(bit != Perms.ADMIN, () -> env.zk.setACL(node, Ids.OPEN_ACL_UNSAFE, -1));
        }
        String closed = env.at("closed");
        env.zk.create(closed, null, acl(Perms.CREATE, "world", "anyone"), CreateMode.PERSISTENT);
        Checks.fails(Code.NOAUTH, () -> env.zk.getACL(closed, null));
    }

    private static void may(boolean allowed, Checks.Action action) throws Exception {
        if (allowed) {
            action.run();
        } else {
            Checks.fails(Code.NOAUTH, action);
        }
    }

    static void digestIdentity(Env env) throws Exception {
        ZooKeeper bob = env.connect();
        bob.addAuthInfo("digest", Checks.utf8("bob:secret"));
        bob.create(env.at("a"), Checks.utf8("x"), acl(Perms.ALL, "digest", digest("bob:secret")),
            CreateMode.PERSISTENT);
        Checks.fails(Code.NOAUTH, () -> env.zk.getData(env.at("a"), false, null));
        env.zk.addAuthInfo("digest", Checks.utf8("bob:wrong"));
        Checks.fails(Code.NOAUTH, () -> env.zk.getData(env.at("a"), false, null));
        env.zk.addAuthInfo("digest", Checks.utf8("bob:secret"));
        Checks.bytes(Checks.utf8("x"), env.zk.getData(env.at("a"), false, null));
    }

    static void authMeansMe(Env env) throws Exception {
        Checks.fails(Code.INVALIDACL, () ->
            env.zk.create(env.at("a"), null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        env.zk.addAuthInfo("digest", Checks.utf8("ann:1"));
        env.zk.addAuthInfo("digest", Checks.utf8("bob:2"));
        env.zk.create(env.at("a"), null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        Checks.equal(Arrays.asList(digest("ann:1"),
            digest("bob:2")).stream().sorted().collect(Collectors.toList()),
            env.zk.getACL(env.at("a"), null).stream().map(a -> a.getId().getId()).sorted()
                .collect(Collectors.toList()));
        ZooKeeper bob = env.connect();
        bob.addAuthInfo("digest", Checks.utf8("bob:2"));
        bob.setData(env.at("a"), null, -1);
    }

    static void digestIsHiddenFromReaders(Env env) throws Exception {
        List<ACL> both = new ArrayList<>(acl(Perms.ALL, "digest", digest("ann:1")));
        both.addAll(Ids.READ_ACL_UNSAFE);
        env.zk.create(env.at("a"), null, both, CreateMode.PERSISTENT);
        Checks.equal("ann:x", env.zk.getACL(env.at("a"), null).get(0).getId().getId());
        env.zk.addAuthInfo("digest", Checks.utf8("ann:1"));
        Checks.equal(digest("ann:1"), env.zk.getACL(env.at("a"), null).get(0).getId().getId());
    }

    static void ipIdentity(Env env) throws Exception {
        env.zk.create(env.at("me"), null, acl(Perms.ALL, "ip", "127.0.0.1"), CreateMode.PERSISTENT);
        env.zk.getData(env.at("me"), false, null);
        env.zk.create(env.at("net"), null, acl(Perms.ALL, "ip", "127.0.0.0/8"),
            CreateMode.PERSISTENT);
        env.zk.getData(env.at("net"), false, null);
        env.zk.create(env.at("other"), null, acl(Perms.ALL, "ip", "10.0.0.0/8"),
            CreateMode.PERSISTENT);
        Checks.fails(Code.NOAUTH, () -> env.zk.getData(env.at("other"), false, null));
    }

    static void superMayDoAll(Env env) throws Exception {
        env.zk.create(env.at("a"), null, acl(Perms.ALL, "digest", digest("ann:1")),
            CreateMode.PERSISTENT);
        Checks.fails(Code.NOAUTH, () -> env.zk.setData(env.at("a"), null, -1));
        ZooKeeper boss = env.connect();
        boss.addAuthInfo("digest", Checks.utf8("super:secret"));
        boss.setData(env.at("a"), null, -1);
        boss.setACL(env.at("a"), Ids.OPEN_ACL_UNSAFE, -1);
        env.zk.setData(env.at("a"), null, -1);
    }

    static void invalidAcls(Env env) throws Exception {
        for (List<ACL> wrong : Arrays.asList(
            acl(Perms.ALL, "nosuch", "x"), acl(Perms.ALL, "world", "someone"), acl(Perms.ALL, "ip",
                "300.1.1.1"),
            acl(Perms.ALL, "ip", "1.2.3.4/33"), acl(Perms.ALL, "digest", "nocolon"))) {
            Checks.equal(env.at("a"), Checks.fails(Code.INVALIDACL, () ->
                env.zk.create(env.at("a"), null, wrong, CreateMode.PERSISTENT)).getPath());
        }
        env.create("b");
        Checks.fails(Code.INVALIDACL, () -> env.zk.setACL(env.at("b"), Collections.emptyList(),
            -1));
        Checks.fails(Code.INVALIDACL, () -> env.zk.setACL(env.at("b"), acl(Perms.ALL, "nosuch",
            "x"), -1));
    }

    static void duplicatesAreRemoved(Env env) throws Exception {
        List<ACL> twice = new ArrayList<>(Ids.OPEN_ACL_UNSAFE);
        twice.addAll(Ids.OPEN_ACL_UNSAFE);
        env.zk.create(env.at("a"), null, twice, CreateMode.PERSISTENT);
        Checks.equal(Ids.OPEN_ACL_UNSAFE, env.zk.getACL(env.at("a"), null));
    }

    static void unknownSchemeEndsTheSession(Env env) throws Exception {
        Env.Recorder watcher = new Env.Recorder();
        ZooKeeper other = env.connect("", Env.TIMEOUT_MS, watcher);
        other.addAuthInfo("nosuch", Checks.utf8("x"));
        watcher.state(KeeperState.AuthFailed);
        Checks.fails(Code.AUTHFAILED, () -> other.exists("/", false));
        Checks.equal(ZooKeeper.States.AUTH_FAILED, other.getState());
    }

    static void whoAmI(Env env) throws Exception {
        Checks.equal(Arrays.asList("ip 127.0.0.1"), identities(env.zk));
        env.zk.addAuthInfo("digest", Checks.utf8("bob:secret"));
        env.zk.addAuthInfo("digest", Checks.utf8("super:secret"));
        Checks.equal(Arrays.asList("digest bob", "digest super", "ip 127.0.0.1", "super "),
            identities(env.zk));
    }

    private static List<String> identities(ZooKeeper zk) throws Exception {
        return zk.whoAmI().stream().map(c -> c.getAuthScheme() + " " + c.getUser()).sorted()
            .collect(Collectors.toList());
    }

    static void authenticationIsRepeatedAfterReconnect(Env env) throws Exception {
        env.zk.addAuthInfo("digest", Checks.utf8("bob:secret"));
        env.zk.create(env.at("a"), null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        Checks.operator("restart");
        env.session.reaches(KeeperState.SyncConnected);
        env.zk.setData(env.at("a"), null, -1);
        Checks.equal(Arrays.asList("digest bob", "ip 127.0.0.1"), identities(env.zk));
    }
}
