/* Arguments, environment, clocks, sleeping, polling, randomness; prints what a test compares between runs. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(clockid_t clock) {
  struct timespec ts;
  CHECK(clock_gettime(clock, &ts) == 0);
  return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void clocks(void) {
  struct timespec resolution;
  CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0);
  long long before = now(CLOCK_MONOTONIC);
  CHECK(before > 0 && now(CLOCK_MONOTONIC) > before);
  printf("realtime %lld\n", now(CLOCK_REALTIME));
  printf("time %lld\n", (long long)time(NULL));
}

static void sleeping(void) {
  long long before = now(CLOCK_MONOTONIC);
  struct timespec hour = {.tv_sec = 3600, .tv_nsec = 5};
  CHECK(nanosleep(&hour, NULL) == 0);
  long long passed_ = now(CLOCK_MONOTONIC) - before;
  CHECK(passed_ >= 3600000000005LL && passed_ < 3601000000000LL);
  CHECK(usleep(1000) == 0);
}

static void polling(void) {
  int file = open("polled", O_RDWR | O_CREAT, 0666);
  CHECK(file >= 0);
  struct pollfd both[2] = {{.fd = 0, .events = POLLIN}, {.fd = file, .events = POLLIN | POLLOUT}};
  long long before = now(CLOCK_MONOTONIC);
  CHECK(poll(both, 2, 60000) == 2);
  CHECK(both[0].revents & POLLIN);
#ifndef ADAPTER
  CHECK((both[1].revents & (POLLIN | POLLOUT)) == (POLLIN | POLLOUT));
#endif
  CHECK(now(CLOCK_MONOTONIC) - before < 60000000000LL);
#ifndef ADAPTER
  struct pollfd closed = {.fd = 99, .events = POLLIN};
  CHECK(poll(&closed, 1, 0) == 1 && (closed.revents & POLLNVAL));
#endif
  CHECK(close(file) == 0);
}

static void randomness(void) {
  unsigned char bytes[16];
  CHECK(getentropy(bytes, sizeof bytes) == 0);
  printf("random ");
  for (size_t i = 0; i < sizeof bytes; i++) printf("%02x", bytes[i]);
  puts("");
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "exit") == 0) exit(atoi(argv[2]));
  if (argc > 1 && strcmp(argv[1], "abort") == 0) abort();
  if (argc > 1 && strcmp(argv[1], "_exit") == 0) {
    printf("never flushed");
    _Exit(atoi(argv[2]));
  }
  for (int i = 0; i < argc; i++) printf("arg %s\n", argv[i]);
  for (char **one = environ; *one != NULL; one++) printf("env %s\n", *one);
  clocks();
  sleeping();
  polling();
  randomness();
  return passed();
}
