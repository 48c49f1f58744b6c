// c-ares as it is. No logic.
#ifndef TIDEGATE_CCARES_H
#define TIDEGATE_CCARES_H
#include <ares.h>
#include <ares_dns.h>
#endif
