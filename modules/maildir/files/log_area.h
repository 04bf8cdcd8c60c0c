/* SPDX-License-Identifier: MIT
 * Declares the area that log lines of this driver carry.
 */
#pragma once
#define MD_AREA "maildir"
