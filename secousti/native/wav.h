/* WAV read as it arrives and written: PCM of 1 to 32 bits and float, RIFF, RF64 and BW64; mono
   16-bit out. */

#ifndef SCT_WAV_H
#define SCT_WAV_H

#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "fault.h"

typedef struct sct_wav sct_wav;

/* Skip to the audio. `there`: bytes of the file, -1 for a pipe, which cannot tell. Gives the
   verdict, and *wav unless there is no memory; close it even if it failed. */
sct_verdict sct_wav_open(sct_source source, int64_t there, sct_wav **wav);
void sct_wav_close(sct_wav *wav);
const sct_fault *sct_wav_fault(const sct_wav *wav);

uint32_t sct_wav_rate(const sct_wav *wav);
int64_t sct_wav_frames(const sct_wav *wav); /* samples of each channel; -1: nobody knows yet */

/* The next `count` samples, channels averaged; *found is less only at the end. At the end what
   follows the audio is read too: its writer may be a pipe's. */
sct_verdict sct_wav_read(sct_wav *wav, float *out, size_t count, size_t *found);

enum { SCT_WAV_HEADER = 44 };

/* The header of 16-bit mono audio; an unknown (-1) or too great length reads "unknown". */
void sct_wav_header(uint32_t sample_rate, int64_t count, uint8_t out[SCT_WAV_HEADER]);
/* Samples in [-1, 1], clipped to that, as two bytes each. */
void sct_wav_samples(const float *samples, size_t count, uint8_t *out);

#endif
