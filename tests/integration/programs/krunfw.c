/*
 * krunfw LIBRARY FILE: writes the kernel that a libkrunfw holds to FILE, and prints where it goes in memory and where
 * its 64-bit entry is.
 */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments)
{
	char *(*get_kernel)(size_t *load, size_t *entry, size_t *size);
	size_t load, entry, size;
	const char *kernel;
	void *library;
	FILE *file;

	if (count != 3)
		return 1;
	library = dlopen(arguments[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&get_kernel = dlsym(library, "krunfw_get_kernel");
	if (!get_kernel)
		return 1;
	kernel = get_kernel(&load, &entry, &size);
	file = fopen(arguments[2], "w");
	if (!file || fwrite(kernel, 1, size, file) != size || fclose(file))
		return 1;
	printf("%zu %zu\n", load, entry);
	return 0;
}
