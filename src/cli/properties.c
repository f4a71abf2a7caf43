/* properties.c - see properties.h. */
#include "cli/properties.h"

#include <stdlib.h>
#include <string.h>

bool properties_add_flag(struct properties *properties, const char *argument)
{
    bool is_flag = argument[0] == '-' && argument[1] == 'D' && argument[2] != '\0';
    if (!is_flag || properties->count == PROPERTIES_MAX ||
        properties->word_count == PROPERTIES_MAX) {
        return false;
    }
    char *word = strdup(argument + 2);
    if (word == NULL) {
        abort();
    }
    char *equals = strchr(word, '=');
    const char *value = "";
    if (equals != NULL) {
        *equals = '\0';
        value = equals + 1;
    }
    properties->words[properties->word_count++] = word;
    properties->entries[properties->count++] = (struct config_property){word, value};
    return true;
}

/* Copies one shell word to `word` and returns where the next one begins; NULL at the end. */
static const char *next_word(const char *text, char *word, size_t size)
{
    size_t len = 0;
    char quote = '\0';
    while (*text == ' ' || *text == '\t' || *text == '\n') {
        text++;
    }
    if (*text == '\0') {
        return NULL;
    }
    for (; *text != '\0'; text++) {
        bool is_space = *text == ' ' || *text == '\t' || *text == '\n';
        if (quote == '\0' && is_space) {
            break;
        }
        if (quote == '\0' && (*text == '"' || *text == '\'')) {
            quote = *text;
        } else if (*text == quote) {
            quote = '\0';
        } else {
            if (*text == '\\' && quote != '\'' && text[1] != '\0') {
                text++;
            }
            if (len + 1 < size) {
                word[len++] = *text;
            }
        }
    }
    word[len] = '\0';
    return text;
}

void properties_add_text(struct properties *properties, const char *text)
{
    char word[4096];
    while (text != NULL) {
        text = next_word(text, word, sizeof word);
        if (text != NULL) {
            properties_add_flag(properties, word);
        }
    }
}

const char *properties_get(const struct properties *properties, const char *name)
{
    for (size_t i = properties->count; i > 0; i--) {
        if (strcmp(properties->entries[i - 1].name, name) == 0) {
            return properties->entries[i - 1].value;
        }
    }
    return NULL;
}

void properties_release(struct properties *properties)
{
    for (size_t i = 0; i < properties->word_count; i++) {
        free(properties->words[i]);
    }
    *properties = (struct properties){0};
}
