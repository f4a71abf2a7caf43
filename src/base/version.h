/* version.h - what this program calls itself. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* Samsa's own version. */
extern const char samsa_version[];

/* As a ZooKeeper server names itself: the Apache release whose behaviour this is, then who it
 * is. */
extern const char samsa_zookeeper_version[];

/* "yyyy-MM-dd HH:mm UTC", as ZooKeeper 3.7 and later print it. */
extern const char samsa_build_date[];

#endif
