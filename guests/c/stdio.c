/* C streams: stdin to stdout, files read, written, appended and scanned. */
#include "check.h"

int main(void) {
  char line[64];
  int lines = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    lines++;
    fprintf(stderr, "%d:%s", lines, line);
  }
  CHECK(feof(stdin));
  CHECK(lines == 3);
  FAILS(fseek(stdin, 0, SEEK_SET), ESPIPE);
  FAILS(ftell(stdout), ESPIPE);

  FILE *file = fopen("data/numbers.txt", "r");
  CHECK(file != NULL);
  int a, b, c;
  CHECK(fscanf(file, "%d %d %d", &a, &b, &c) == 3);
  CHECK(a == 1 && b == 22 && c == 333);
  CHECK(fseek(file, -4, SEEK_END) == 0);
  CHECK(fgetc(file) == '3');
  CHECK(fclose(file) == 0);

  file = fopen("/data/numbers.txt", "a");
  CHECK(file != NULL);
  CHECK(fprintf(file, "%s", "4444\n") == 5);
  CHECK(fclose(file) == 0);

  file = fopen("new.txt", "w+");
  CHECK(file != NULL);
  for (int i = 0; i < 1000; i++) CHECK(fprintf(file, "line %d\n", i) > 0);
  rewind(file);
  for (int i = 0; i < 1000; i++) {
    int found;
    CHECK(fscanf(file, "line %d\n", &found) == 1);
    CHECK(found == i);
  }
  CHECK(fclose(file) == 0);

  FAILS(fopen("missing.txt", "r"), ENOENT);
  FAILS(fopen("data", "w"), EISDIR);
  FAILS(fopen("new.txt", "wx"), EEXIST);
  FAILS(fopen("new.txt/below", "r"), ENOTDIR);
  return passed();
}
