/*
 * older.h - functions by the versions that they had before glibc 2.34, which
 * newer ones have too: so an agent that was built on a newer system can be
 * loaded into programs of an older one, a container's, say. There they are in
 * libdl and libpthread: a program without these cannot load such an agent, and
 * with it preloaded does not start.
 *
 * Included into each file of the agent by the compiler's command line.
 */
#ifndef HEAPTOP_AGENT_OLDER_H
#define HEAPTOP_AGENT_OLDER_H

#if defined(__x86_64__)
#define OLDER(name_, version_) \
	__asm__(".symver " #name_ "," #name_ "@GLIBC_" version_)
OLDER(dlopen, "2.2.5");
OLDER(dlsym, "2.2.5");
OLDER(dladdr, "2.2.5");
OLDER(dladdr1, "2.3.3");
OLDER(pthread_create, "2.2.5");
OLDER(pthread_sigmask, "2.2.5");
OLDER(pthread_attr_getstacksize, "2.2.5");
OLDER(pthread_attr_setstacksize, "2.2.5");
#endif

#endif
