/* SPDX-License-Identifier: Apache-2.0 */
/**
 * err.h - the error numbers that every public function of Consilium returns: 0, or one of these (all negative).
 *
 * An error says what the caller can do about it; the place and the detail go to the log of whoever owns the clock.
 */
#ifndef CONSILIUM_BASE_ERR_H
#define CONSILIUM_BASE_ERR_H

enum base_err {
    BASE_OK = 0,
    BASE_ERR_NOMEM = -1,        /**< memory or a fixed-size table is exhausted */
    BASE_ERR_INVALID = -2,      /**< an argument is out of its documented range */
    BASE_ERR_MALFORMED = -3,    /**< bytes from outside do not follow their specification */
    BASE_ERR_TRUNCATED = -4,    /**< bytes from outside end too early */
    BASE_ERR_NOT_FOUND = -5,    /**< no such object */
    BASE_ERR_EXISTS = -6,       /**< the name or id is taken */
    BASE_ERR_FULL = -7,         /**< a bounded queue or room has no place left: try later */
    BASE_ERR_AUTH = -8,         /**< an authentication tag, signature or credential does not match */
    BASE_ERR_REPLAY = -9,       /**< authentic, but seen before or too old */
    BASE_ERR_STATE = -10,       /**< not possible in the object's present state */
    BASE_ERR_UNSUPPORTED = -11, /**< well-formed, but nothing we do */
    BASE_ERR_IO = -12,          /**< the operating system refused; errno has the reason */
    BASE_ERR_NOT_ALLOWED = -13, /**< the right for it is missing */
    BASE_ERR_TIMEOUT = -14,     /**< the peer was silent for too long */
    BASE_ERR_CRYPTO = -15,      /**< a cryptographic library failed */
};

/** Short lower-case name of `err` for logs ("nomem"); "ok" for 0, "unknown" for anything else. Static storage. */
const char *base_err_name(int err);

#endif
