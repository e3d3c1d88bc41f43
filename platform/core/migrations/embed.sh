#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   embed.sh FILE.sql...    prints a C table of the migrations: number and name from the file's name, text as a string
set -eu
echo '/* Made by platform/core/migrations/embed.sh. */'
echo '#include "platform/core/db.h"'
echo 'const struct plat_migration plat_core_migrations[] = {'
count=0
for file in "$@"; do
    base=$(basename "$file" .sql)
    number=${base%%_*}
    printf '    {%d, "%s",\n' "$(expr "$number" + 0)" "$base"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/     "/' -e 's/$/\\n"/' "$file"
    printf '    },\n'
    count=$((count + 1))
done
echo '};'
echo "const size_t plat_core_migration_count = $count;"
