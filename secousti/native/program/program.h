/* The program `sct`: its parts (main.c, options.c, streams.c, signals.c, encode.c, decode.c, info.c). */

#ifndef SCT_PROGRAM_H
#define SCT_PROGRAM_H

#include <stdio.h>
#include <sys/stat.h>

#include "../container.h"

typedef struct {
    const char *model, *input, *output; /* NULL: not given */
    sct_payload payload;
    _Bool has_payload, force, partial;
    double latency, max_seconds; /* seconds */
} options;

/* The arguments after the command, of which files (ended by NULL) must all be there. */
_Bool take_options(int count, char **arguments, options *taken, const char **files[],
                   sct_fault *fault);

extern const char help_text[];

/* Each command: what is wrong is noted in `fault`. */
_Bool run_encode(const options *given, sct_fault *fault);
_Bool run_decode(const options *given, sct_fault *fault);
_Bool run_info(const options *given, sct_fault *fault);

/* Standard streams that are closed stay so: no file that is opened later takes their place. */
_Bool keep_standard_streams(void);

/* A file that is read, or standard input for "-". */
typedef struct {
    int descriptor;
    _Bool live;   /* a pipe or a device: what comes is passed on at once */
    int64_t size; /* bytes, -1: nobody knows */
    char name[256]; /* for sentences: fit to be shown */
    struct stat status;
} input;

_Bool open_input(const char *path, input *in, sct_fault *fault);
void close_input(input *in);
sct_source source_of(input *in);

/* A file that appears whole or not at all; a pipe, a device or standard output ("-") at once. */
typedef struct {
    FILE *file;
    _Bool direct, appends; /* appends: standard output, after what others wrote into its file */
    char *target, *partial;
    char name[256];
} output;

/* Refuses what `in` is read from, and what exists unless `force` is set. */
_Bool open_output(const char *path, const input *in, _Bool force, output *out, sct_fault *fault);
_Bool write_output(output *out, const void *data, size_t size, sct_fault *fault);
_Bool flush_output(output *out, sct_fault *fault);
/* Whether the beginning can be written again; does so. */
_Bool rewrite_start(output *out, const void *data, size_t size);
_Bool finish_output(output *out, sct_fault *fault);
/* After a fault, or after finish_output: nothing half-written stays. */
void close_output(output *out);
sct_sink sink_of(output *out);

/* While a pipe is read the first Ctrl-C, which ends all of a pipeline, waits for its end. To be
   called before an output is opened. */
void wait_for_input(void);
/* From now on an interruption removes the file of this name; NULL: there is none any more. */
void guard_file(const char *partial);

/* Put the name of a file before a sentence about it. */
_Bool named(sct_fault *fault, const char *name);
/* Take over what a part of the library has said of the file `name`. */
_Bool told(sct_fault *fault, const sct_fault *said, const char *name);

#endif
