/* Makes a configuration of sections. */
#pragma once

#include "text/config_section.h"

/*
 * Sets all of @c, which is zeroed, but its parser: resolves defaults and what one section inherits
 * from another, and checks what only the whole shows. Faults are reported by
 * config_section_fault(). The texts are those of @all. -ENOMEM.
 */
int config_resolve(struct config_sections *all, struct config *c);
