/* Files, pipes and devices that the program reads and writes. */

#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

_Bool named(sct_fault *fault, const char *name) {
    if (fault->verdict != SCT_SOUND) sct_fail_at(fault, "%s: ", name);
    return fault->verdict == SCT_SOUND;
}

_Bool told(sct_fault *fault, const sct_fault *said, const char *name) {
    if (fault->verdict != SCT_SOUND || said->verdict == SCT_SOUND) return 1;
    *fault = *said;
    return named(fault, name);
}

/* Names are shown to people: nothing that moves a terminal's cursor. */
static void shown(const char *path, char *out, size_t room) {
    size_t i = 0;
    for (; path[i] && i + 1 < room; i++) {
        const unsigned char c = (unsigned char)path[i];
        out[i] = c < ' ' || c == 0x7F ? '?' : path[i];
    }
    out[i] = 0;
}

static _Bool failed(sct_fault *fault, const char *name, const char *what) {
    return sct_fail(fault, SCT_UNREADABLE, "%s cannot be %s: %s", name, what, strerror(errno));
}

_Bool keep_standard_streams(void) {
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) /* open() takes the lowest that is free */
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", i ? O_RDONLY : O_WRONLY) != i) return 0;
    return 1;
}

_Bool open_input(const char *path, input *in, sct_fault *fault) {
    const _Bool standard = !strcmp(path, "-");
    *in = (input){.descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY), .size = -1};
    shown(standard ? "standard input" : path, in->name, sizeof in->name);
    if (in->descriptor < 0 || fstat(in->descriptor, &in->status))
        return failed(fault, in->name, "read");
    if (S_ISDIR(in->status.st_mode))
        return sct_fail(fault, SCT_REFUSED, "%s is a folder, not a file", in->name);
    in->live = standard || !S_ISREG(in->status.st_mode);
    if (!in->live) in->size = in->status.st_size;
    return 1;
}

void close_input(input *in) {
    if (in->descriptor > STDIN_FILENO) close(in->descriptor);
}

static ptrdiff_t read_input(void *self, void *data, size_t size) {
    ssize_t found;
    do
        found = read(((input *)self)->descriptor, data, size < 1 << 30 ? size : 1 << 30);
    while (found < 0 && errno == EINTR);
    return found;
}

sct_source source_of(input *in) { return (sct_source){read_input, in}; }

/* A name beside the target that no other file has, opened; NULL with errno. */
static FILE *open_beside(output *out) {
    const char *slash = strrchr(out->target, '/');
    const int folder = slash ? (int)(slash + 1 - out->target) : 0;
    const size_t room = strlen(out->target) + 40;
    out->partial = malloc(room);
    if (!out->partial) return NULL;
    snprintf(out->partial, room, "%.*s.%.150s.%ld.part", folder, out->target,
             out->target + folder, (long)getpid());
    guard_file(out->partial);
    FILE *file = fopen(out->partial, "wbx");
    if (file) return file;
    guard_file(NULL);
    free(out->partial);
    out->partial = NULL;
    return NULL;
}

/* What stands at the target now: what may not be replaced is refused. */
static _Bool check_target(output *out, const input *in, _Bool force, sct_fault *fault) {
    struct stat status;
    if (stat(out->target, &status)) return 1;
    if (S_ISDIR(status.st_mode))
        return sct_fail(fault, SCT_REFUSED, "%s is a folder: name a file", out->name);
    out->direct = !S_ISREG(status.st_mode);
    if (out->direct) return 1;
    if (status.st_dev == in->status.st_dev && status.st_ino == in->status.st_ino)
        return sct_fail(fault, SCT_REFUSED, "%s would be written over while it is read", out->name);
    return force || sct_fail(fault, SCT_REFUSED, "%s exists already; --force overwrites it",
                             out->name);
}

_Bool open_output(const char *path, const input *in, _Bool force, output *out, sct_fault *fault) {
    const _Bool standard = !strcmp(path, "-");
    *out = (output){.direct = standard, .file = standard ? stdout : NULL};
    shown(standard ? "standard output" : path, out->name, sizeof out->name);
    if (standard) {
        out->appends = lseek(STDOUT_FILENO, 0, SEEK_CUR) > 0;
        return 1;
    }
    out->target = realpath(path, NULL); /* what a symbolic link names is replaced */
    if (!out->target) out->target = strdup(path);
    if (!out->target) return sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
    if (!check_target(out, in, force, fault)) return 0;
    out->file = out->direct ? fopen(out->target, "wb") : open_beside(out);
    return out->file || failed(fault, out->name, "written");
}

_Bool write_output(output *out, const void *data, size_t size, sct_fault *fault) {
    if (!size || fwrite(data, 1, size, out->file) == size) return 1;
    return failed(fault, out->name, "written");
}

_Bool flush_output(output *out, sct_fault *fault) {
    return !fflush(out->file) || failed(fault, out->name, "written");
}

_Bool rewrite_start(output *out, const void *data, size_t size) {
    struct stat status;
    const int descriptor = fileno(out->file);
    if (fflush(out->file) || fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return 0;
    if (out->appends || fcntl(descriptor, F_GETFL) & O_APPEND) return 0;
    return pwrite(descriptor, data, size, 0) == (ssize_t)size;
}

_Bool finish_output(output *out, sct_fault *fault) {
    if (!flush_output(out, fault)) return 0;
    if (out->direct) return 1;
    struct stat before;
    if (!stat(out->target, &before)) (void)!fchmod(fileno(out->file), before.st_mode & 07777);
    const _Bool good = !fsync(fileno(out->file));
    FILE *file = out->file;
    out->file = NULL;
    if (fclose(file) || !good || rename(out->partial, out->target))
        return failed(fault, out->name, "written");
    guard_file(NULL);
    free(out->partial);
    out->partial = NULL;
    return 1;
}

void close_output(output *out) {
    if (out->file && out->file != stdout) fclose(out->file);
    if (out->partial) remove(out->partial);
    guard_file(NULL);
    free(out->partial);
    free(out->target);
    *out = (output){0};
}

static _Bool write_sink(void *self, const void *data, size_t size) {
    sct_fault unsaid = {0};
    return write_output(self, data, size, &unsaid);
}

sct_sink sink_of(output *out) { return (sct_sink){write_sink, out}; }
