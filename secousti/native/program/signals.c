/* Interruptions: what a microphone still said is kept, and nothing half-written stays. */

#define _XOPEN_SOURCE 700

#include <signal.h>
#include <unistd.h>

#include "program.h"

/* A handler is given nothing but its number: the file that must not stay. */
static const char *volatile unfinished;
static _Bool waits; /* for the end of a pipe */

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void give_up(int number) {
    const char *path = unfinished;
    if (path) unlink(path);
    handle(number, SIG_DFL);
    raise(number);
}

static void wait_once(int number) {
    static const char note[] = "sct: waiting for the input to end (Ctrl-C stops at once)\n";
    handle(number, give_up);
    if (write(STDERR_FILENO, note, sizeof note - 1) < 0) return;
}

void guard_file(const char *partial) {
    unfinished = partial;
    if (!partial) return;
    handle(SIGTERM, give_up);
    handle(SIGHUP, give_up);
    if (!waits) handle(SIGINT, give_up);
}

void wait_for_input(void) {
    waits = 1;
    handle(SIGINT, wait_once);
}
