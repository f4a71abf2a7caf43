"""Fetch Apache ZooKeeper, Apache Kafka and what they need at run time, through Maven's own client.

For each version a small pom is written into the cache folder and `dependency:copy-dependencies`
fills lib/ beside it.  Versions of the third-party libraries are not listed here: ZooKeeper's are
taken from the release's own parent pom, which is imported as a bill of materials, Kafka's stand in
the artifacts' own poms, so every server runs with exactly the libraries it was published with.

A folder is complete when its `complete` file exists; it is built under a temporary name and
renamed, so that two test runs that start together do not see each other's half.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# The last release of each line whose data directories and protocol Samsa must understand.
VERSIONS = ("3.5.10", "3.6.4", "3.7.2", "3.8.4", "3.9.5")
NEWEST = VERSIONS[-1]
PROMETHEUS = "3.9.4"

# The oldest Kafka whose clients and folders Samsa must understand, and the last that knows ZooKeeper.
KAFKA_OLDEST = "2.7.2"
KAFKA_NEWEST = "3.9.2"
KAFKA_VERSIONS = (KAFKA_OLDEST, KAFKA_NEWEST)
# A client of the line that no longer knows ZooKeeper: brokers of ours must serve it all the same.
KAFKA_CLIENT_4 = "4.1.0"
SCALA = "2.13"
RELOAD4J = "1.7.36"

MAVEN_TIMEOUT_S = 600

POM = """<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>samsa.test</groupId>
  <artifactId>{name}-peer</artifactId>
  <version>{version}</version>
  <packaging>pom</packaging>
{management}
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""

ZOOKEEPER_MANAGEMENT = """
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>org.apache.zookeeper</groupId>
        <artifactId>parent</artifactId>
        <version>{version}</version>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
    </dependencies>
  </dependencyManagement>"""


class PeerUnavailable(Exception):
    """Java, Maven or the artifacts are not there; the message says which and why."""


def version_tuple(version):
    return tuple(int(part) for part in version.split("."))


def cache_root():
    return Path(os.environ.get("SAMSA_PEERS") or Path.home() / ".cache" / "samsa-peers")


def java_program():
    home = os.environ.get("JAVA_HOME")
    if home and os.access(Path(home) / "bin" / "java", os.X_OK):
        return str(Path(home) / "bin" / "java")
    found = shutil.which("java")
    if not found:
        raise PeerUnavailable("no java on PATH and no JAVA_HOME")
    return found


def artifacts(version):
    """(group, artifact, version or None): what a complete server and zkCli of this release need.

    ZooKeeper's pom marks the AdminServer's, the metrics', the snapshot compression's and the
    shell's libraries as provided or optional, so they do not arrive by themselves.
    """
    release = version_tuple(version)
    wanted = [
        ("org.apache.zookeeper", "zookeeper", version),
        ("commons-cli", "commons-cli", None),
        ("com.fasterxml.jackson.core", "jackson-databind", None),
        ("org.eclipse.jetty", "jetty-server", None),
        ("org.eclipse.jetty", "jetty-servlet", None),
        ("org.jline" if release >= (3, 9, 5) else "jline", "jline", None),
    ]
    if release >= (3, 8):
        wanted.append(("ch.qos.logback", "logback-classic", None))
        wanted.append(("ch.qos.logback", "logback-core", None))
    else:
        wanted.append(("org.slf4j", "slf4j-reload4j", None))
        wanted.append(("ch.qos.reload4j", "reload4j", None))
    if release >= (3, 6):
        wanted.append(("io.dropwizard.metrics", "metrics-core", None))
        wanted.append(("org.xerial.snappy", "snappy-java", None))
    if release >= (3, 9):
        # Not every release published this one; it is a plug-in and runs with its neighbours.
        wanted.append(("org.apache.zookeeper", "zookeeper-prometheus-metrics", PROMETHEUS))
    if release < (3, 6):
        wanted.append(("com.googlecode.json-simple", "json-simple", None))
    return wanted


def kafka_artifacts(version):
    """What a broker and its command line tools of this release need."""
    logging = "slf4j-log4j12" if version_tuple(version) < (3, 1) else "slf4j-reload4j"
    return [
        ("org.apache.kafka", f"kafka_{SCALA}", version),
        ("org.apache.kafka", "kafka-tools", version),
        ("org.slf4j", logging, RELOAD4J),
    ]


def wanted_artifacts(name, version):
    if name == "zookeeper":
        return artifacts(version)
    if name == "kafka":
        return kafka_artifacts(version)
    return [("org.apache.kafka", name, version)]


def render_pom(name, version):
    lines = []
    wanted = wanted_artifacts(name, version)
    for group, artifact, fixed in wanted:
        lines.append("    <dependency>")
        lines.append(f"      <groupId>{group}</groupId>")
        lines.append(f"      <artifactId>{artifact}</artifactId>")
        if fixed:
            lines.append(f"      <version>{fixed}</version>")
        lines.append("      <scope>runtime</scope>")
        lines.append("    </dependency>")
    management = ZOOKEEPER_MANAGEMENT.format(version=version) if name == "zookeeper" else ""
    return POM.format(name=name, version=version, management=management,
                      dependencies="\n".join(lines))


def run_maven(folder, offline):
    maven = shutil.which("mvn")
    if not maven:
        raise PeerUnavailable("no mvn on PATH")
    command = [maven, "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies",
               f"-DoutputDirectory={folder / 'lib'}", "-DincludeScope=runtime"]
    if offline:
        command.insert(1, "-o")
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_TIMEOUT_S,
                              check=False)
    except subprocess.TimeoutExpired as late:
        raise PeerUnavailable(f"mvn gave no answer in {MAVEN_TIMEOUT_S} s") from late


def fetch(version, name="zookeeper"):
    """Return the folder with this release's jars; fetch them on first use."""
    target = cache_root() / f"{name}-{version}"
    if (target / "complete").exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{name}-{version}.", dir=target.parent))
    artifact = f"kafka_{SCALA}" if name == "kafka" else name
    try:
        (work / "pom.xml").write_text(render_pom(name, version), encoding="utf-8")
        # The local repository may hold everything already: then no registry is asked.
        result = run_maven(work, offline=True)
        if result.returncode != 0:
            result = run_maven(work, offline=False)
        jar = work / "lib" / f"{artifact}-{version}.jar"
        if result.returncode != 0 or not jar.exists():
            raise PeerUnavailable(
                f"Maven could not provide {name} {version}:\n{result.stdout}{result.stderr}")
        (work / "complete").write_text(f"{version}\n", encoding="utf-8")
        if target.exists() and not (target / "complete").exists():
            shutil.rmtree(target)
        try:
            work.rename(target)
        except OSError:
            # Another run was faster; its folder is as good as ours.
            if not (target / "complete").exists():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def class_path(version, name="zookeeper"):
    jars = sorted((fetch(version, name) / "lib").glob("*.jar"))
    return os.pathsep.join(str(jar) for jar in jars)


def kafka_class_path(version=KAFKA_NEWEST):
    return class_path(version, "kafka")


def kafka_client_class_path(version):
    """What a program needs that uses the client alone: a whole release's jars hold it too."""
    if version in KAFKA_VERSIONS:
        return kafka_class_path(version)
    return class_path(version, "kafka-clients")
