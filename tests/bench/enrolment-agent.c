/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole enrolment in mef-agent (issue 3): its processor time, all threads and the token included, against
 * one run of strongSwan's pki --est at mef-sim; and the longest turn of the agent's loop while it enrols. */
#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/enrolment.h"
#include "tests/bench/figure.h"
#include "tests/bench/turns.h"
#include "tests/lib/e2e-fixture.h"

#define ROUNDS      7
#define LIMIT       0.4
#define STALL_LIMIT 5.0 /* milliseconds */
#define PRELOAD     TOP_BUILDDIR "/tests/bench/.libs/turns.so"

/* Microseconds that all threads of the process have run. */
static double cpu_of(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    double sum = 0;

    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *file = g_build_filename(path, name, "schedstat", NULL), *text = NULL;
        if (g_file_get_contents(file, &text, NULL, NULL))
            sum += (double)g_ascii_strtoull(text, NULL, 10) / 1000;
    }
    return sum;
}

static struct turns *share(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(ftruncate(fd, sizeof(struct turns)), ==, 0);
    void *at = mmap(NULL, sizeof(struct turns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(at != MAP_FAILED);
    close(fd);
    return at;
}

static void ours(double cpu[ROUNDS], double stall[ROUNDS])
{
    struct e2e e;
    g_autofree char *file = NULL;

    e2e_up(&e, "{\"commands\":[]}");
    file = g_build_filename(e.dir, "turns", NULL);
    struct turns *turns = share(file);
    g_ptr_array_add(e.agent_env, g_strconcat("LD_PRELOAD=", PRELOAD, NULL));
    g_ptr_array_add(e.agent_env, g_strconcat("TURNS_FILE=", file, NULL));
    e2e_agent_start_ready(&e);
    g_autofree char *registration = e2e_add_mef(&e);
    e2e_wait_idle(&e, registration);
    for (size_t i = 0; i < ROUNDS; i++) {
        g_autoptr(GError) error = NULL;
        json_decref(sim_post(e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
        double before = cpu_of(e.agent);
        atomic_store(&turns->longest_ns, 0);
        g_autoptr(GVariant) reply = e2e_call(&e, registration, "org.mefclient1.Registration", "Poll",
                                             g_variant_new("(a{sv})", NULL), &error);
        if (!reply)
            g_error("%s", error->message);
        e2e_wait_reports(&e, i + 1);
        e2e_wait_idle(&e, registration);
        cpu[i] = cpu_of(e.agent) - before;
        stall[i] = (double)atomic_load(&turns->longest_ns) / 1e6;
    }
    g_assert_cmpuint(atomic_load(&turns->turns), >, 0);
    munmap(turns, sizeof *turns);
    e2e_down(&e);
}

static void run_pki(const char *const *argv, double *ret)
{
    struct rusage used;
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execvp(argv[0], (char **)argv);
        _exit(127);
    }
    g_assert_cmpint(wait4(pid, &status, 0, &used), ==, pid);
    g_assert_cmpint(status, ==, 0);
    *ret = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)used.ru_utime.tv_usec +
           (double)used.ru_stime.tv_usec;
}

/* It looks names up by itself, so its MEF is at localhost. */
static void pki(double cpu[ROUNDS])
{
    char *dir = memory_dir();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct first f = {0};

    first_certificate(&f, dir, "localhost", "{\"est\":{\"csrattrs\":\"none\"}}", key);
    g_autofree char *url = g_strdup_printf("https://localhost:%u", sim_port(f.sim)),
                    *leaf = g_build_filename(dir, "leaf.der", NULL),
                    *pem = g_build_filename(dir, "key.pem", NULL),
                    *csr = g_build_filename(dir, "csr.der", NULL);
    FILE *file = fopen(pem, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    const struct der *cert = &f.chain.item[0];
    g_assert_true(g_file_set_contents(leaf, (char *)cert->data, (gssize)cert->len, NULL));
    g_assert_true(g_file_set_contents(csr, (char *)f.csr.data, (gssize)f.csr.len, NULL));
    const char *const argv[] = {"pki",    "--est", "--url", url, "--cacert", sim_ca_path(f.sim), "--in", csr,
                                "--cert", leaf,    "--key", pem, NULL};
    for (size_t i = 0; i < ROUNDS; i++)
        run_pki(argv, &cpu[i]);
    first_done(&f);
    EVP_PKEY_free(key);
    rm_dir(dir);
}

int main(void)
{
    g_autofree char *tool = g_find_program_in_path("pki");
    double mine[ROUNDS], stall[ROUNDS], theirs[ROUNDS];

    ours(mine, stall);
    figure("enrolment-longest-turn-us", median(stall, ROUNDS) * 1000, STALL_LIMIT * 1000, 1);
    note("the longest turn of the loop in %d enrolments: %.2f ms", ROUNDS, stall[ROUNDS - 1]);
    if (!tool) {
        note("SKIP: strongswan-pki is not installed, so there is nothing to compare an enrolment with");
        return 0;
    }
    pki(theirs);
    figure("enrolment-cpu-us", median(mine, ROUNDS), median(theirs, ROUNDS), LIMIT);
    return 0;
}
