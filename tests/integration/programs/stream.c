/* Standard input goes to a socket and what comes from there to standard output, each until it ends:
 *   stream unix PATH | unix-listen PATH | vsock CID PORT | vsock-listen PORT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

static void check(int result, const char *what) {
  if (result < 0) {
    fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
    exit(1);
  }
}

/* Connects, or listens and accepts one; a listener that is to be is waited for. */
static int open_socket(int family, const struct sockaddr *address, socklen_t length, int listens) {
  int fd = socket(family, SOCK_STREAM, 0);

  check(fd, "socket");
  if (listens) {
    check(bind(fd, address, length), "bind");
    check(listen(fd, 1), "listen");
    fprintf(stderr, "stream: listening\n");
    fd = accept(fd, NULL, NULL);
    check(fd, "accept");
    return fd;
  }
  for (int tries = 0; connect(fd, address, length) < 0; tries++) {
    if (tries == 300) check(-1, "connect");
    usleep(100000);
    close(fd);
    fd = socket(family, SOCK_STREAM, 0);
  }
  return fd;
}

/* Copies what there is; 0 at the end. */
static int copy(int from, int to) {
  static char buffer[65536];
  ssize_t count = read(from, buffer, sizeof buffer);

  check(count < 0 ? -1 : 0, "read");
  for (ssize_t done = 0, taken; done < count; done += taken) {
    taken = write(to, buffer + done, count - done);
    check(taken < 0 ? -1 : 0, "write");
  }
  return count > 0;
}

int main(int argc, char **argv) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  struct sockaddr_vm remote = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
  int fd;

  if (argc < 3) return 2;
  if (strncmp(argv[1], "unix", 4) == 0) {
    strncpy(local.sun_path, argv[2], sizeof local.sun_path - 1);
    fd = open_socket(AF_UNIX, (struct sockaddr *)&local, sizeof local, strcmp(argv[1], "unix-listen") == 0);
  } else {
    int listens = strcmp(argv[1], "vsock-listen") == 0;

    if (!listens && argc > 3) remote.svm_cid = strtoul(argv[2], NULL, 10);
    remote.svm_port = strtoul(argv[listens ? 2 : 3], NULL, 10);
    fd = open_socket(AF_VSOCK, (struct sockaddr *)&remote, sizeof remote, listens);
  }
  struct pollfd ends[2] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
  while (ends[0].fd >= 0 || ends[1].events != 0) {
    check(poll(ends, 2, -1), "poll");
    if (ends[0].fd >= 0 && ends[0].revents != 0 && !copy(0, fd)) {
      shutdown(fd, SHUT_WR);
      ends[0].fd = -1;
    }
    if (ends[1].events != 0 && ends[1].revents != 0) {
      if (!copy(fd, 1)) ends[1].events = 0;
    } else if (ends[1].revents & POLLHUP) {
      break; /* nobody is there any more, whatever else standard input has */
    }
  }
  return 0;
}
