/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a full-screen or colourful program needs to know of the terminal it may be talking to.
 *
 * Contract: shared, except that one object at a time may hold the keyboard. The descriptors are the
 * standard ones: 0, 1, 2.
 */
#ifndef HONE_PLATFORM_TERMINAL_H
#define HONE_PLATFORM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "hone/base/status.h"

/* The keyboard while keys arrive one by one, without echo. */
typedef struct hone_keyboard {
    struct termios before;
    bool is_held;
} hone_keyboard;

/* True when `fd` is a terminal. */
bool hone_terminal_is_at(int fd);

/* True when `fd` is a terminal and the process is in its foreground, or the only one there: what it
 * shows is not in the way of another program. */
bool hone_terminal_is_foreground(int fd);

/* Columns and rows of the terminal at `fd`. ABSENT when it is none or does not know its size. */
HONE_MUST_USE hone_status hone_terminal_size(int fd, uint32_t *out_columns, uint32_t *out_rows);

/* Makes standard input give each key at once, without echo; interrupt keys keep their meaning.
 * ABSENT when standard input is no terminal. A zeroed keyboard may be released. */
HONE_MUST_USE hone_status hone_keyboard_hold(hone_keyboard *keyboard);
void hone_keyboard_release(hone_keyboard *keyboard);

/* The next byte that was typed, or 0 when there is none yet. Never waits. */
char hone_keyboard_try_read(hone_keyboard *keyboard);

#endif
