/* SPDX-License-Identifier: Apache-2.0 */
/**
 * xml_check.h - is a text well-formed, as far as a page of ours goes: tags balance, attributes are quoted and not there
 * twice, ampersands are entities, no control characters.
 */
#ifndef CONSILIUM_TESTS_SUPPORT_XML_CHECK_H
#define CONSILIUM_TESTS_SUPPORT_XML_CHECK_H

#include <stddef.h>

/** Returns NULL, or what is wrong with a piece of the text around it (static storage). */
const char *xml_check(const char *text);

#endif
