/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool hone_terminal_is_at(int fd) {
    return isatty(fd) == 1;
}

bool hone_terminal_is_foreground(int fd) {
    pid_t foreground = tcgetpgrp(fd);
    return foreground == getpgrp() || (foreground < 0 && isatty(fd) == 1);
}

hone_status hone_terminal_size(int fd, uint32_t *out_columns, uint32_t *out_rows) {
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        return HONE_STATUS_ABSENT;
    }
    *out_columns = size.ws_col;
    *out_rows = size.ws_row;
    return HONE_OK;
}

hone_status hone_keyboard_hold(hone_keyboard *keyboard) {
    *keyboard = (hone_keyboard){0};
    if (tcgetattr(STDIN_FILENO, &keyboard->before) != 0) {
        return HONE_STATUS_ABSENT;
    }
    struct termios each_key = keyboard->before;
    each_key.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    each_key.c_cc[VMIN] = 0;
    each_key.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &each_key) != 0) {
        return HONE_STATUS_IO;
    }
    keyboard->is_held = true;
    return HONE_OK;
}

void hone_keyboard_release(hone_keyboard *keyboard) {
    if (keyboard->is_held) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &keyboard->before);
        keyboard->is_held = false;
    }
}

char hone_keyboard_try_read(hone_keyboard *keyboard) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;
    if (!keyboard->is_held || poll(&input, 1, 0) <= 0 || read(STDIN_FILENO, &key, 1) != 1) {
        return 0;
    }
    return key;
}
