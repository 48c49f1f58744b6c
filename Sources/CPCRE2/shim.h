// libpcre2 for texts of bytes (UTF-8). No logic.
#ifndef TIDEGATE_CPCRE2_H
#define TIDEGATE_CPCRE2_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#endif
