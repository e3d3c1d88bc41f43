-- SPDX-License-Identifier: Apache-2.0
-- Who this installation is. One row, made at the first start.
CREATE TABLE instance (
    id TEXT PRIMARY KEY NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
