/* Makes a configuration of sections. */
#pragma once

#include "text/config_section.h"

/*
 * Resolves defaults and what one section inherits from another, and checks what only the whole
 * shows. Faults are reported by config_section_fault(). *ret is owned by the caller. -ENOMEM.
 */
int config_resolve(struct config_sections *all, struct config **ret);
