// The Go client against one server.
//
//	zk_go_client host:port
//
// Every check has a connected client and a node of its own, and prints "ok N name" or
// "not ok N name: why"; the last line is "1..N". "operator: restart" on standard output asks for a
// restart of the server, and a line on standard input answers.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	timeout = 8 * time.Second
	wait    = 15 * time.Second
)

var answers = bufio.NewReader(os.Stdin)

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

type env struct {
	hosts  string
	root   string
	conn   *zk.Conn
	events <-chan zk.Event
	opened []*zk.Conn
}

func (e *env) connect() (*zk.Conn, <-chan zk.Event) {
	conn, events, err := zk.Connect([]string{e.hosts}, timeout, zk.WithLogger(quiet{}))
	must(err)
	e.opened = append(e.opened, conn)
	reaches(events, zk.StateHasSession)
	return conn, events
}

func (e *env) at(name string) string {
	return e.root + "/" + name
}

func (e *env) create(name, data string) string {
	path, err := e.conn.Create(e.at(name), []byte(data), 0, zk.WorldACL(zk.PermAll))
	must(err)
	return path
}

func (e *env) close() {
	for _, conn := range e.opened {
		conn.Close()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(expected, actual interface{}) {
	if !reflect.DeepEqual(expected, actual) {
		panic(fmt.Sprintf("expected %v but was %v", expected, actual))
	}
}

func fails(expected, err error) {
	if !errors.Is(err, expected) {
		panic(fmt.Sprintf("expected the error %v but was %v", expected, err))
	}
}

func next(events <-chan zk.Event) zk.Event {
	select {
	case event := <-events:
		return event
	case <-time.After(wait):
		panic("no event came")
	}
}

func event(events <-chan zk.Event, kind zk.EventType, path string) {
	got := next(events)
	equal(fmt.Sprint(kind, path), fmt.Sprint(got.Type, got.Path))
}

func reaches(events <-chan zk.Event, state zk.State) {
	for next(events).State != state {
	}
}

func operator(what string) {
	fmt.Println("operator: " + what)
	line, err := answers.ReadString('\n')
	must(err)
	equal("done\n", line)
}

func createAndRead(e *env) {
	equal(e.at("a"), e.create("a", "hello"))
	data, stat, err := e.conn.Get(e.at("a"))
	must(err)
	equal("hello", string(data))
	equal(int32(0), stat.Version)
	equal(stat.Czxid, stat.Pzxid)
	_, err = e.conn.Create(e.at("a"), nil, 0, zk.WorldACL(zk.PermAll))
	fails(zk.ErrNodeExists, err)
	_, err = e.conn.Create(e.at("no/a"), nil, 0, zk.WorldACL(zk.PermAll))
	fails(zk.ErrNoNode, err)
}

func setAndDelete(e *env) {
	e.create("a", "1")
	stat, err := e.conn.Set(e.at("a"), []byte("22"), 0)
	must(err)
	equal(int32(1), stat.Version)
	equal(int32(2), stat.DataLength)
	_, err = e.conn.Set(e.at("a"), nil, 0)
	fails(zk.ErrBadVersion, err)
	e.create("a/b", "")
	fails(zk.ErrNotEmpty, e.conn.Delete(e.at("a"), -1))
	must(e.conn.Delete(e.at("a/b"), 0))
	must(e.conn.Delete(e.at("a"), -1))
	found, _, err := e.conn.Exists(e.at("a"))
	must(err)
	equal(false, found)
}

func modes(e *env) {
	acl := zk.WorldACL(zk.PermAll)
	path, err := e.conn.Create(e.at("s-"), nil, zk.FlagSequence, acl)
	must(err)
	equal(e.at("s-0000000000"), path)
	path, err = e.conn.Create(e.at("e-"), nil, zk.FlagEphemeral|zk.FlagSequence, acl)
	must(err)
	equal(e.at("e-0000000001"), path)
	_, stat, err := e.conn.Exists(path)
	must(err)
	equal(e.conn.SessionID(), stat.EphemeralOwner)
	_, err = e.conn.CreateContainer(e.at("c"), nil, zk.FlagTTL, acl)
	fails(zk.ErrInvalidFlags, err)
	_, err = e.conn.CreateContainer(e.at("c"), nil, 4, acl)
	must(err)
	_, err = e.conn.CreateTTL(e.at("t"), nil, zk.FlagTTL, acl, 300*time.Millisecond)
	must(err)
	end := time.Now().Add(wait)
	for found := true; found; {
		found, _, err = e.conn.Exists(e.at("t"))
		must(err)
		if time.Now().After(end) {
			panic("the TTL node stays")
		}
		time.Sleep(20 * time.Millisecond)
	}
	path, err = e.conn.CreateProtectedEphemeralSequential(e.at("p-"), nil, acl)
	must(err)
	equal(true, strings.HasPrefix(path, e.at("_c_")) && strings.Contains(path, "-p-0000000"))
}

func children(e *env) {
	for _, name := range []string{"c", "a", "b"} {
		e.create(name, "")
	}
	names, stat, err := e.conn.Children(e.root)
	must(err)
	sort.Strings(names)
	equal([]string{"a", "b", "c"}, names)
	equal(int32(3), stat.NumChildren)
	equal(int32(3), stat.Cversion)
}

func multi(e *env) {
	acl := zk.WorldACL(zk.PermAll)
	results, err := e.conn.Multi(
		&zk.CreateRequest{Path: e.at("a"), Data: []byte("1"), Acl: acl},
		&zk.SetDataRequest{Path: e.at("a"), Data: []byte("22"), Version: 0},
		&zk.CheckVersionRequest{Path: e.at("a"), Version: 1},
		&zk.DeleteRequest{Path: e.at("a"), Version: 1})
	must(err)
	equal(4, len(results))
	equal(e.at("a"), results[0].String)
	equal(int32(1), results[1].Stat.Version)
	_, err = e.conn.Multi(
		&zk.CreateRequest{Path: e.at("b"), Acl: acl},
		&zk.DeleteRequest{Path: e.at("no"), Version: -1})
	fails(zk.ErrNoNode, err)
	found, _, err := e.conn.Exists(e.at("b"))
	must(err)
	equal(false, found)
}

func watches(e *env) {
	_, _, exists, err := e.conn.ExistsW(e.at("a"))
	must(err)
	_, _, below, err := e.conn.ChildrenW(e.root)
	must(err)
	e.create("a", "")
	event(exists, zk.EventNodeCreated, e.at("a"))
	event(below, zk.EventNodeChildrenChanged, e.root)
	_, _, data, err := e.conn.GetW(e.at("a"))
	must(err)
	_, err = e.conn.Set(e.at("a"), []byte("x"), -1)
	must(err)
	event(data, zk.EventNodeDataChanged, e.at("a"))
	_, _, data, err = e.conn.GetW(e.at("a"))
	must(err)
	must(e.conn.Delete(e.at("a"), -1))
	event(data, zk.EventNodeDeleted, e.at("a"))
}

func watchesSurviveRestart(e *env) {
	e.create("a", "")
	_, _, data, err := e.conn.GetW(e.at("a"))
	must(err)
	id := e.conn.SessionID()
	operator("restart")
	reaches(e.events, zk.StateHasSession)
	equal(id, e.conn.SessionID())
	_, err = e.conn.Set(e.at("a"), []byte("x"), -1)
	must(err)
	event(data, zk.EventNodeDataChanged, e.at("a"))
}

func ephemeralEndsWithSession(e *env) {
	other, _ := e.connect()
	_, err := other.Create(e.at("e"), nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	must(err)
	_, _, gone, err := e.conn.ExistsW(e.at("e"))
	must(err)
	other.Close()
	event(gone, zk.EventNodeDeleted, e.at("e"))
}

func digest(e *env) {
	other, _ := e.connect()
	must(other.AddAuth("digest", []byte("bob:secret")))
	_, err := other.Create(e.at("a"), []byte("x"), 0, zk.DigestACL(zk.PermAll, "bob", "secret"))
	must(err)
	_, _, err = e.conn.Get(e.at("a"))
	fails(zk.ErrNoAuth, err)
	must(e.conn.AddAuth("digest", []byte("bob:secret")))
	data, _, err := e.conn.Get(e.at("a"))
	must(err)
	equal("x", string(data))
}

func acl(e *env) {
	e.create("a", "")
	list, stat, err := e.conn.GetACL(e.at("a"))
	must(err)
	equal(zk.WorldACL(zk.PermAll), list)
	_, err = e.conn.SetACL(e.at("a"), zk.WorldACL(zk.PermRead), stat.Aversion)
	must(err)
	_, err = e.conn.Set(e.at("a"), nil, -1)
	fails(zk.ErrNoAuth, err)
	_, err = e.conn.Create(e.at("b"), nil, 0, nil)
	fails(zk.ErrInvalidACL, err)
}

func locks(e *env) {
	other, _ := e.connect()
	mine := zk.NewLock(e.conn, e.at("lock"), zk.WorldACL(zk.PermAll))
	theirs := zk.NewLock(other, e.at("lock"), zk.WorldACL(zk.PermAll))
	must(mine.Lock())
	taken := make(chan error)
	go func() { taken <- theirs.Lock() }()
	select {
	case <-taken:
		panic("two have the lock")
	case <-time.After(200 * time.Millisecond):
	}
	must(mine.Unlock())
	select {
	case err := <-taken:
		must(err)
	case <-time.After(wait):
		panic("nobody has the lock")
	}
	must(theirs.Unlock())
}

func largeData(e *env) {
	data := bytes.Repeat([]byte("0123456789"), 100000)
	_, err := e.conn.Create(e.at("a"), data, 0, zk.WorldACL(zk.PermAll))
	must(err)
	read, _, err := e.conn.Get(e.at("a"))
	must(err)
	equal(true, bytes.Equal(data, read))
}

func sync(e *env) {
	path, err := e.conn.Sync(e.root)
	must(err)
	equal(e.root, path)
}

var checks = []struct {
	name string
	run  func(*env)
}{
	{"createAndRead", createAndRead},
	{"setAndDelete", setAndDelete},
	{"modes", modes},
	{"children", children},
	{"multi", multi},
	{"watches", watches},
	{"watchesSurviveRestart", watchesSurviveRestart},
	{"ephemeralEndsWithSession", ephemeralEndsWithSession},
	{"digest", digest},
	{"acl", acl},
	{"locks", locks},
	{"largeData", largeData},
	{"sync", sync},
}

func run(hosts string, name string, check func(*env)) (problem interface{}) {
	e := &env{hosts: hosts, root: "/go_client_" + name}
	defer e.close()
	defer func() { problem = recover() }()
	e.conn, e.events = e.connect()
	_, err := e.conn.Create(e.root, nil, 0, zk.WorldACL(zk.PermAll))
	must(err)
	check(e)
	return nil
}

func main() {
	for i, check := range checks {
		if problem := run(os.Args[1], check.name, check.run); problem != nil {
			fmt.Printf("not ok %d %s: %v\n", i+1, check.name, problem)
		} else {
			fmt.Printf("ok %d %s\n", i+1, check.name)
		}
	}
	fmt.Printf("1..%d\n", len(checks))
}
