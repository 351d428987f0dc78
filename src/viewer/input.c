/* input.c - names of keys. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "viewer/input.h"

#define INPUT_ROW_(id_, name_, shown_) {INPUT_##id_, name_, shown_},
static const struct {
	uint32_t key;
	const char *name;
	const char *shown;
} inputs[] = {INPUT_LIST(INPUT_ROW_){' ', "Space", "Space"}};

#define INPUTS (sizeof(inputs) / sizeof(*inputs))

uint32_t
input_parse(const char *name, size_t size)
{
	uint32_t code;

	for (size_t i = 0; i < INPUTS; i++)
		if (strlen(inputs[i].name) == size &&
		    !memcmp(inputs[i].name, name, size))
			return inputs[i].key;
	if (size == 3 && !memcmp(name, "C-", 2))
		return (uint32_t)name[2] & 31;
	if (size > 0 && text_decode(name, size, &code) == size)
		return code;
	return INPUT_NONE;
}

const char *
input_name(uint32_t key, bool ascii, char out[INPUT_NAME_MAX])
{
	for (size_t i = 0; i < INPUTS; i++)
		if (inputs[i].key == key) {
			snprintf(out, INPUT_NAME_MAX, "%s",
				 ascii ? inputs[i].name : inputs[i].shown);
			return out;
		}
	if (key < ' ')
		snprintf(out, INPUT_NAME_MAX, "C-%c", (char)(key | 0x60));
	else
		snprintf(out, INPUT_NAME_MAX, "%c", (char)key);
	return out;
}
