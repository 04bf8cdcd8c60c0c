/* SPDX-License-Identifier: MIT
 * The area that log lines of this driver carry.
 */
#pragma once
#define MD_AREA "maildir"
