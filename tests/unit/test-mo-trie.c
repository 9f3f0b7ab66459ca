/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map below the tree (plugin/mo/trie.h), against a plain array: what is in it, in which order, that
 * copies never change, and what a comparison of two maps tells. */
#include <glib.h>

#include "plugin/mo/trie.h"

#define KEYS   96
#define ROUNDS 4000

static const struct trie_values plain = {NULL, NULL};

/* Keys near to and far from one another, the ends of the range among them. */
static uint64_t key_of(unsigned i)
{
    static const uint64_t base[] = {0, 1000, UINT64_C(7) << 32, UINT64_MAX - KEYS / 4 + 1};

    return base[i / (KEYS / 4)] + i % (KEYS / 4);
}

struct model {
    struct trie *t;
    bool in[KEYS];
    uint64_t value[KEYS];
};

static void check_model(const struct model *m)
{
    size_t n = 0;
    uint64_t from = 0, key, value;

    for (unsigned i = 0; i < KEYS; i++) {
        g_assert_cmpint(trie_get(m->t, key_of(i), &value), ==, m->in[i]);
        if (!m->in[i])
            continue;
        g_assert_cmpuint(value, ==, m->value[i]);
        g_assert_cmpuint(trie_nth(m->t, n), ==, m->value[i]);
        g_assert_true(trie_next(m->t, from, &key, &value));
        g_assert_cmpuint(key, ==, key_of(i));
        g_assert_cmpuint(value, ==, m->value[i]);
        from = key + 1;
        n++;
    }
    g_assert_cmpuint(trie_count(m->t), ==, n);
    if (n == 0 || from != 0) /* the greatest key wraps around */
        g_assert_false(trie_next(m->t, from, &key, &value));
}

static void change(struct model *m)
{
    unsigned i = (unsigned)g_test_rand_int_range(0, KEYS);

    if (g_test_rand_int_range(0, 5) < 2) {
        g_assert_cmpint(trie_take(&m->t, key_of(i)), ==, 0);
        m->in[i] = false;
    } else {
        m->in[i] = true;
        m->value[i] = (uint64_t)g_test_rand_int_range(0, 3);
        g_assert_cmpint(trie_put(&m->t, &plain, key_of(i), m->value[i]), ==, 0);
    }
}

struct compared {
    const struct model *a, *b;
    unsigned at; /* keys below have been told, or are the same */
};

static bool same(const struct compared *c, unsigned i)
{
    return c->a->in[i] == c->b->in[i] && (!c->a->in[i] || c->a->value[i] == c->b->value[i]);
}

static int on_difference(void *ctx, const struct trie_entry *e)
{
    struct compared *c = ctx;

    while (c->at < KEYS && same(c, c->at))
        c->at++;
    g_assert_cmpuint(c->at, <, KEYS);
    g_assert_cmpuint(e->key, ==, key_of(c->at));
    g_assert_cmpint(e->in_a, ==, c->a->in[c->at]);
    g_assert_cmpint(e->in_b, ==, c->b->in[c->at]);
    if (e->in_a)
        g_assert_cmpuint(e->a, ==, c->a->value[c->at]);
    if (e->in_b)
        g_assert_cmpuint(e->b, ==, c->b->value[c->at]);
    c->at++;
    return 0;
}

static void test_model(void)
{
    struct model now = {0}, old = {0};

    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 40 == 0) {
            trie_free(old.t);
            old = now;
            old.t = trie_copy(now.t);
        }
        if (round % 1000 == 999) /* down to nothing */
            for (unsigned i = 0; i < KEYS; i++) {
                g_assert_cmpint(trie_take(&now.t, key_of(i)), ==, 0);
                now.in[i] = false;
            }
        change(&now);
        check_model(&now);
        check_model(&old);
        struct compared c = {.a = &old, .b = &now};
        g_assert_cmpint(trie_compare(old.t, now.t, on_difference, &c), ==, 0);
        while (c.at < KEYS && same(&c, c.at))
            c.at++;
        g_assert_cmpuint(c.at, ==, KEYS);
    }
    trie_free(old.t);
    trie_free(now.t);
}

static unsigned held[3];

static void hold(uint64_t value)
{
    held[value]++;
}

static void drop(uint64_t value)
{
    g_assert_cmpuint(held[value]--, >, 0);
}

/* Each value is held once for each time that it stands in a node, and by nobody at the end. */
static void test_references(void)
{
    static const struct trie_values counted = {hold, drop};
    struct trie *t = NULL, *copy = NULL;

    for (unsigned i = 0; i < KEYS; i++) {
        hold(i % 3);
        g_assert_cmpint(trie_put(&t, &counted, key_of(i), i % 3), ==, 0);
    }
    g_assert_cmpuint(held[0] + held[1] + held[2], ==, KEYS);
    copy = trie_copy(t);
    hold(2);
    g_assert_cmpint(trie_put(&t, &counted, key_of(0), 2), ==, 0);
    g_assert_cmpint(trie_take(&t, key_of(KEYS - 1)), ==, 0);
    trie_free(copy);
    g_assert_cmpuint(held[0], ==, KEYS / 3 - 1);
    g_assert_cmpuint(held[1], ==, KEYS / 3);
    g_assert_cmpuint(held[2], ==, KEYS / 3);
    trie_free(t);
    g_assert_cmpuint(held[0] + held[1] + held[2], ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mo/trie/against-an-array", test_model);
    g_test_add_func("/mo/trie/references", test_references);
    return g_test_run();
}
