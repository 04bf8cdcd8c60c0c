# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/runtime/error.c core/runtime/core_schema.c core/runtime/config_image.h core/runtime/ipc.h \
	core/runtime/breadcrumb.h core/runtime/loader.h core/runtime/root_lock.c core/runtime/root_lock.h core/runtime/sanitized.h
libsatchel_la_SOURCES += core/runtime/reactor.c core/runtime/reactor_private.h core/runtime/timer.c \
	core/runtime/hash.c core/runtime/counter.c core/runtime/counter_lane.h core/runtime/counter_totals.c core/runtime/secret.c core/runtime/trim.c core/runtime/trim.h core/runtime/crash.c core/runtime/crash.h core/runtime/job.c core/runtime/job_private.h core/runtime/stream_private.h \
	core/runtime/log.c core/runtime/log_private.h core/runtime/stream.c core/runtime/crlf_stream.c \
	core/runtime/ipc.c core/runtime/ipc_link.c core/runtime/ipc_private.h \
	core/runtime/helper_calls.c core/runtime/helper_serve.c core/runtime/helper_wire.c core/runtime/helper_private.h \
	core/runtime/endpoint.c core/runtime/endpoint.h core/runtime/sealed.c core/runtime/sealed.h core/runtime/process.c core/runtime/process.h \
	core/runtime/connection.c core/runtime/connection_input.c core/runtime/connection_output.c core/runtime/connection_private.h \
	core/runtime/connection_struct.h core/runtime/transport.c core/runtime/deflate_transport.c
libsatchel_la_SOURCES += core/runtime/config.c core/runtime/config_check.c core/runtime/config_load.c core/runtime/config_private.h \
	core/runtime/config_image.c core/runtime/config_suggest.c core/runtime/config_text.c core/runtime/config_units.c core/runtime/config_value.c core/runtime/config_write.c \
	core/runtime/json.c core/runtime/json.h
libsatchel_la_SOURCES += core/runtime/loader.c core/runtime/loader_files.c core/runtime/loader_check.c \
	core/runtime/loader_lifecycle.c core/runtime/loader_private.h core/runtime/admin_options.c core/runtime/admin_options.h
EXTRA_DIST += core/runtime/README.md
