"""Fetches Apache Curator through Maven, as test/peers fetches ZooKeeper."""

import os
import shutil
import tempfile
from pathlib import Path

import peers

VERSION = "5.9.0"

POM = f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>samsa.test</groupId>
  <artifactId>curator-peer</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.curator</groupId>
      <artifactId>curator-recipes</artifactId>
      <version>{VERSION}</version>
      <!-- These come with the ZooKeeper release that is under test. -->
      <exclusions>
        <exclusion><groupId>org.apache.zookeeper</groupId><artifactId>*</artifactId></exclusion>
        <exclusion><groupId>org.slf4j</groupId><artifactId>*</artifactId></exclusion>
      </exclusions>
    </dependency>
  </dependencies>
</project>
"""


def fetch():
    """The folder with Curator's jars; they are fetched on first use."""
    target = peers.maven.cache_root() / f"curator-{VERSION}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="curator.", dir=target.parent))
    try:
        (work / "pom.xml").write_text(POM, encoding="utf-8")
        done = peers.maven.run_maven(work, offline=True)
        if done.returncode != 0:
            done = peers.maven.run_maven(work, offline=False)
        if done.returncode != 0:
            raise peers.PeerUnavailable(f"no Curator {VERSION}:\n{done.stdout}{done.stderr}")
        if not target.exists():
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def class_path():
    jars = sorted((fetch() / "lib").glob("*.jar"))
    return os.pathsep.join(map(str, jars))
