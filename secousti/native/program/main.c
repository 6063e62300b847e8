#include <stdlib.h>
#include <string.h>

#include "program.h"

typedef _Bool command(const options *given, sct_fault *fault);

static command *command_of(const char *name) {
    if (!strcmp(name, "encode")) return run_encode;
    if (!strcmp(name, "decode")) return run_decode;
    if (!strcmp(name, "info")) return run_info;
    return NULL;
}

static _Bool wants_help(int count, char **arguments) {
    for (int i = 1; i < count && strcmp(arguments[i], "--"); i++)
        if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h")) return 1;
    return count < 2;
}

static _Bool run(int count, char **arguments, sct_fault *fault) {
    options given = {.latency = 0.5, .max_seconds = SCT_MAX_SECONDS};
    const char **three[] = {&given.model, &given.input, &given.output, NULL};
    const char **one[] = {&given.input, NULL};
    command *chosen = command_of(arguments[1]);
    if (!chosen)
        return sct_fail(fault, SCT_REFUSED,
                        "there is no command %.40s: there are encode, decode and info; see sct "
                        "--help",
                        arguments[1]);
    const char ***files = chosen == run_info ? one : three;
    return take_options(count - 2, arguments + 2, &given, files, fault) && chosen(&given, fault);
}

int main(int count, char **arguments) {
    sct_fault fault = {0};
    if (!keep_standard_streams()) return EXIT_FAILURE; /* there is nowhere to say it */
    if (wants_help(count, arguments))
        fputs(help_text, stdout);
    else
        run(count, arguments, &fault);
    if (fflush(stdout) && fault.verdict == SCT_SOUND)
        sct_fail(&fault, SCT_UNREADABLE, "standard output cannot be written");
    if (fault.verdict == SCT_SOUND) return EXIT_SUCCESS;
    fprintf(stderr, "sct: error: %s\n", fault.says);
    return EXIT_FAILURE;
}
