// liblz4's block functions. No logic.
#ifndef TIDEGATE_CLZ4_H
#define TIDEGATE_CLZ4_H
#include <lz4.h>

#endif
