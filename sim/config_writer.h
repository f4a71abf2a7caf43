/* config_writer.h - the lines of a zoo.cfg that a seed draws, into a text of fixed size. */
#ifndef SIM_CONFIG_WRITER_H
#define SIM_CONFIG_WRITER_H

#include <stddef.h>

struct config_writer {
    char *text;
    size_t size;
    size_t len;
};

/* Appends as printf; the text must have room for it. */
__attribute__((format(printf, 2, 3))) void config_writer_add(struct config_writer *writer,
                                                             const char *format,
                                                             ...);

#endif
