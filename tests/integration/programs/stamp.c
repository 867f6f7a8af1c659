/* Copies its input to its output; before each line, the milliseconds since this program's start. */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void)
{
    char buffer[4096];
    bool line_begins = true;
    long start = milliseconds();
    ssize_t length;
    while ((length = read(0, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            if (line_begins)
                printf("%7ld ", milliseconds() - start);
            putchar(buffer[i]);
            line_begins = buffer[i] == '\n';
        }
        fflush(stdout);
    }
    return 0;
}
