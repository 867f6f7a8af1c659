/*
 * Copies a console's output, without what moves the cursor or colours the text; each line begins with the milliseconds
 * from this program's start to the line's first character.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum state { TEXT, ESCAPE, SEQUENCE };

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
    enum state state = TEXT;
    long start = milliseconds();
    ssize_t length;
    while ((length = read(0, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            char c = buffer[i];
            if (state == ESCAPE)
                state = c == '[' ? SEQUENCE : TEXT;
            else if (state == SEQUENCE)
                state = c >= '@' && c <= '~' ? TEXT : SEQUENCE;
            else if (c == '\033')
                state = ESCAPE;
            else if (c != '\r' && (c != '\n' || !line_begins)) {
                if (line_begins)
                    printf("%7ld ", milliseconds() - start);
                putchar(c);
                line_begins = c == '\n';
            }
        }
        fflush(stdout);
    }
    return 0;
}
