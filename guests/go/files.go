// Uses the parts of Go's standard library and runtime that reach the host: files, folders, links, environment, arguments, time, goroutines,
// randomness, stdin, exit status. Its first argument says how it ends.
package main

import (
	"compress/gzip"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(err error) {
	must(0, err)
}

// kind names an error by what a program can tell of it.
func kind(err error) string {
	for name, kind := range map[string]error{"missing": fs.ErrNotExist, "exists": fs.ErrExist, "denied": fs.ErrPermission, "closed": fs.ErrClosed} {
		if errors.Is(err, kind) {
			return name
		}
	}
	if err == nil {
		return "none"
	}
	return "other"
}

func folders() {
	check(os.MkdirAll("a/b/c", 0o755))
	check(os.MkdirAll("a/b/c", 0o755))
	check(os.WriteFile("a/first.txt", []byte("hello"), 0o644))
	check(os.Rename("a/first.txt", "a/b/second.txt"))
	check(os.Remove("a/b/c"))
	check(os.Symlink("b/second.txt", "a/link"))
	check(os.Link("a/b/second.txt", "a/hard"))
	fmt.Println("link", must(os.Readlink("a/link")), string(must(os.ReadFile("a/link"))))
	fmt.Println("same", os.SameFile(must(os.Stat("a/link")), must(os.Stat("a/hard"))), must(os.Lstat("a/link")).Mode().Type() == fs.ModeSymlink)
	check(filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		fmt.Println("walk", path, entry.Type())
		return err
	}))
	fmt.Println("errors", kind(os.Mkdir("a", 0o755)), kind(os.Remove("a/b")), kind(os.Rename("nothing", "b")), kind(os.Link("a", "c")))
	_, err := os.ReadFile("/../outside")
	fmt.Println("outside", err != nil)
	check(os.MkdirAll("many", 0o755))
	for i := range [300]int{} {
		check(os.WriteFile(fmt.Sprintf("many/%03d", i), nil, 0o644))
	}
	fmt.Println("many", len(must(os.ReadDir("many"))))
	check(os.RemoveAll("many"))
	_, err = os.Stat("many")
	fmt.Println("gone", kind(err))
}

func files() {
	file := must(os.OpenFile("log", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644))
	fmt.Fprint(file, "one ")
	must(file.Seek(0, io.SeekStart))
	fmt.Fprint(file, "two")
	must(file.Seek(-3, io.SeekEnd))
	fmt.Println("end", string(must(io.ReadAll(file))))
	check(file.Truncate(2))
	check(file.Truncate(4))
	fmt.Printf("truncated %q\n", must(os.ReadFile("log")))
	check(file.Close())
	_, err := file.Write([]byte("x"))
	fmt.Println("after close", kind(err))
	when := time.Date(2020, 2, 3, 4, 5, 6, 7, time.UTC)
	check(os.Chtimes("log", when, when))
	fmt.Println("time", must(os.Stat("log")).ModTime().UTC())

	temporary := must(os.CreateTemp(".", "unnamed-*"))
	check(os.Remove(temporary.Name()))
	must(temporary.WriteAt([]byte("still there"), 70_000))
	tail := make([]byte, 5)
	must(temporary.ReadAt(tail, 70_006))
	fmt.Println("unnamed", must(temporary.Stat()).Size(), string(tail))
}

func pack() {
	sum := sha256.New()
	file := must(os.Create("packed.gz"))
	packer := gzip.NewWriter(io.MultiWriter(file, sum))
	check(json.NewEncoder(packer).Encode(make([]int, 200_000)))
	check(packer.Close())
	check(file.Close())
	packed := must(os.Open("packed.gz"))
	defer packed.Close()
	var back []int
	check(json.NewDecoder(must(gzip.NewReader(packed))).Decode(&back))
	fmt.Println("packed", len(back), len(sum.Sum(nil)))
}

func runtimes() {
	start := time.Now()
	time.Sleep(50 * time.Millisecond)
	fmt.Println("slept", time.Since(start) >= 50*time.Millisecond)
	ticker, timer, ticks := time.NewTicker(5*time.Millisecond), time.After(22*time.Millisecond), 0
	for waiting := true; waiting; {
		select {
		case <-ticker.C:
			ticks++
		case <-timer:
			waiting = false
		}
	}
	fmt.Println("ticked", ticks > 0)

	var group sync.WaitGroup
	numbers := make(chan int)
	for i := 0; i < 1000; i++ {
		i := i
		group.Add(1)
		go func() {
			defer group.Done()
			numbers <- i
		}()
	}
	go func() {
		group.Wait()
		close(numbers)
	}()
	total := 0
	for number := range numbers {
		total += number
	}
	fmt.Println("goroutines", total)

	bytes := make([]byte, 1000)
	must(cryptorand.Read(bytes))
	fmt.Println("random", bytes[0] != bytes[1] || bytes[1] != bytes[2], rand.Intn(10) < 10)
	func() {
		defer func() { fmt.Println("recovered", recover() != nil) }()
		var nothing *int
		*nothing = 1
	}()
}

func main() {
	how := os.Args[1]
	switch how {
	case "panic":
		panic("on purpose")
	case "deadlock":
		<-make(chan int)
	}
	fmt.Println("args", os.Args[2:], os.Getenv("NAME"), os.Getenv("NOTHING"))
	folders()
	files()
	pack()
	runtimes()
	fmt.Println("stdin", string(must(io.ReadAll(os.Stdin))))
	fmt.Fprintln(os.Stderr, "to stderr")
	os.Exit(3)
}
