/* SPDX-License-Identifier: MIT
 * Structures that come in one piece with their texts.
 */
#include "core/base/packed.h"

typedef struct Person
{
  const char *name;
  guint age;
  const char *town, *street;
} Person;

static const gsize texts[] = { G_STRUCT_OFFSET (Person, name), G_STRUCT_OFFSET (Person, town),
                               G_STRUCT_OFFSET (Person, street) };

static void
copies_texts (void)
{
  char name[] = "Anna", street[] = "Long Lane";
  const Person from = { .name = name, .age = 41, .town = NULL, .street = street };
  Person *person = satchel_packed_new (&from, sizeof from, texts, G_N_ELEMENTS (texts));
  /* What they were copied from may change. */
  name[0] = street[0] = '?';
  g_assert_cmpstr (person->name, ==, "Anna");
  g_assert_cmpuint (person->age, ==, 41);
  g_assert_null (person->town);
  g_assert_cmpstr (person->street, ==, "Long Lane");
  g_atomic_rc_box_release (person);
}

static void
is_counted (void)
{
  const Person from = { .name = "", .street = "x" };
  Person *person = satchel_packed_new (&from, sizeof from, texts, G_N_ELEMENTS (texts));
  g_atomic_rc_box_acquire (person);
  g_atomic_rc_box_release (person);
  g_assert_cmpstr (person->name, ==, "");
  g_assert_cmpstr (person->street, ==, "x");
  g_atomic_rc_box_release (person);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/packed/texts", copies_texts);
  g_test_add_func ("/base/packed/counted", is_counted);
  return g_test_run ();
}
