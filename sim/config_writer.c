/* config_writer.c - see config_writer.h. */
#include "sim/config_writer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

void config_writer_add(struct config_writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(writer->text + writer->len, writer->size - writer->len, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0 && writer->len + (size_t)len < writer->size);
    writer->len += (size_t)len;
}
