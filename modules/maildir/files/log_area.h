/* SPDX-License-Identifier: MIT
 * This header declares the area that log lines of this driver carry.
 */
#pragma once
#define MD_AREA "maildir"
