/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole enrolment in mef-agent (issue 3): the processor time of all its threads from the arrival of the
 * command until the certificate is in the token, without what ran inside the token, against one run of
 * strongSwan's pki --est at mef-sim; and the longest turn of the agent's loop while it enrols. The requests
 * to the MEF before and after are told only: registration, proof by a new handshake, report. */
#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/enrolment.h"
#include "tests/bench/figure.h"
#include "tests/bench/marks.h"
#include "tests/bench/turns.h"
#include "tests/lib/e2e-fixture.h"
#include "tests/token/shim.h"

#define ROUNDS      15
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

/* Memory that the agent finds by a file whose name is in its environment. */
static void *share(struct e2e *e, const char *variable, size_t len)
{
    g_autofree char *path = g_build_filename(e->dir, variable, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(ftruncate(fd, (off_t)len), ==, 0);
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(at != MAP_FAILED);
    close(fd);
    g_ptr_array_add(e->agent_env, g_strconcat(variable, "=", path, NULL));
    return at;
}

/* Microseconds of processor time, but for the calls. */
struct cost {
    double enrolment[ROUNDS], token[ROUNDS], worker[ROUNDS], command[ROUNDS], command_token[ROUNDS],
        calls[ROUNDS], stall[ROUNDS], pki[ROUNDS];
};

static double calls_of(const struct shim_control *shim)
{
    unsigned n = 0;

    for (size_t i = 0; i < SHIM_MAX; i++)
        n += atomic_load(&shim->count[i]);
    return n;
}

static double between(const _Atomic unsigned long *from, const _Atomic unsigned long *to)
{
    return (double)(atomic_load(to) - atomic_load(from)) / 1000;
}

static double run_pki(const char *const *argv)
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
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)used.ru_utime.tv_usec +
           (double)used.ru_stime.tv_usec;
}

/* One run and the next at the same MEF. It looks names up by itself, so its MEF is at localhost. */
struct pki {
    char *dir, *url, *leaf, *pem, *csr;
    EVP_PKEY *key;
    struct first first;
};

static void pki_up(struct pki *p)
{
    p->dir = memory_dir();
    p->key = EVP_EC_gen("P-256");
    first_certificate(&p->first, p->dir, "localhost", "{\"est\":{\"csrattrs\":\"none\"}}", p->key);
    p->url = g_strdup_printf("https://localhost:%u", sim_port(p->first.sim));
    p->leaf = g_build_filename(p->dir, "leaf.der", NULL);
    p->pem = g_build_filename(p->dir, "key.pem", NULL);
    p->csr = g_build_filename(p->dir, "csr.der", NULL);
    FILE *file = fopen(p->pem, "w");
    PEM_write_PrivateKey(file, p->key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    const struct der *cert = &p->first.chain.item[0], *csr = &p->first.csr;
    g_assert_true(g_file_set_contents(p->leaf, (char *)cert->data, (gssize)cert->len, NULL));
    g_assert_true(g_file_set_contents(p->csr, (char *)csr->data, (gssize)csr->len, NULL));
}

static double pki_enrol(const struct pki *p)
{
    const char *const argv[] = {"pki",  "--est", "--url",  p->url,  "--cacert", sim_ca_path(p->first.sim),
                                "--in", p->csr,  "--cert", p->leaf, "--key",    p->pem,
                                NULL};

    return run_pki(argv);
}

static void pki_down(struct pki *p)
{
    first_done(&p->first);
    EVP_PKEY_free(p->key);
    rm_dir(p->dir);
    g_free(p->url);
    g_free(p->leaf);
    g_free(p->pem);
    g_free(p->csr);
}

/* What a machine is busy with else is the same for both: in turn. */
static void measure(const struct pki *p, struct cost *ret)
{
    struct e2e e;

    e2e_up(&e, "{\"commands\":[]}");
    struct turns *turns = share(&e, "TURNS_FILE", sizeof *turns);
    struct marks *marks = share(&e, "MARKS_FILE", sizeof *marks);
    struct shim_control *shim = share(&e, SHIM_FILE, sizeof *shim);
    e.token.module = SHIM_MODULE;
    e2e_configure(&e, NULL);
    atomic_store(&shim->timed, true);
    g_ptr_array_add(e.agent_env, g_strconcat("LD_PRELOAD=", PRELOAD, NULL));
    e2e_agent_start_ready(&e);
    g_autofree char *registration = e2e_add_mef(&e);
    e2e_wait_idle(&e, registration);
    for (size_t i = 0; i < ROUNDS; i++) {
        g_autoptr(GError) error = NULL;
        json_decref(sim_post(e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
        double before = cpu_of(e.agent), calls = calls_of(shim);
        unsigned long token = atomic_load(&shim->cpu_ns);
        atomic_store(&turns->longest_ns, 0);
        g_autoptr(GVariant) reply = e2e_call(&e, registration, "org.mefclient1.Registration", "Poll",
                                             g_variant_new("(a{sv})", NULL), &error);
        if (!reply)
            g_error("%s", error->message);
        e2e_wait_reports(&e, i + 1);
        e2e_wait_idle(&e, registration);
        g_assert_cmpuint(atomic_load(&marks->command.said), ==, i + 1);
        g_assert_cmpuint(atomic_load(&marks->stored.said), ==, i + 1);
        ret->command[i] = cpu_of(e.agent) - before;
        ret->command_token[i] = (double)(atomic_load(&shim->cpu_ns) - token) / 1000;
        ret->calls[i] = calls_of(shim) - calls;
        ret->token[i] = between(&marks->command.token, &marks->stored.token);
        ret->enrolment[i] = between(&marks->command.process, &marks->stored.process) - ret->token[i];
        ret->worker[i] = between(&marks->command.worker, &marks->stored.worker);
        ret->pki[i] = p ? pki_enrol(p) : 0;
        ret->stall[i] = (double)atomic_load(&turns->longest_ns) / 1e6;
    }
    g_assert_cmpuint(atomic_load(&turns->turns), >, 0);
    munmap(turns, sizeof *turns);
    munmap(marks, sizeof *marks);
    munmap(shim, sizeof *shim);
    e2e_down(&e);
}

int main(void)
{
    g_autofree char *tool = g_find_program_in_path("pki");
    static struct cost c;
    struct pki p = {0};

    if (tool)
        pki_up(&p);
    measure(tool ? &p : NULL, &c);
    at_most("enrolment-longest-turn-us", median(c.stall, ROUNDS) * 1000, STALL_LIMIT * 1000, 1);
    note("the longest turn of the loop in %d enrolments: %.2f ms", ROUNDS, c.stall[ROUNDS - 1]);
    double enrolment = median(c.enrolment, ROUNDS);
    note("enrolment: beside it %.0f us inside the token; of both, %.0f us are on the worker's thread",
         median(c.token, ROUNDS), median(c.worker, ROUNDS));
    note("the whole command, with poll, proof by a new handshake, report and bus: %.0f us, of them %.0f us "
         "inside the token in %.0f calls",
         median(c.command, ROUNDS), median(c.command_token, ROUNDS), median(c.calls, ROUNDS));
    if (!tool) {
        note("SKIP: strongswan-pki is not installed, so there is nothing to compare an enrolment with");
        return 0;
    }
    pki_down(&p);
    at_most("enrolment-cpu-us", enrolment, median(c.pki, ROUNDS), LIMIT);
    return 0;
}
