// libnghttp2 as it is. No logic.
#ifndef TIDEGATE_CNGHTTP2_H
#define TIDEGATE_CNGHTTP2_H
#include <nghttp2/nghttp2.h>
#endif
