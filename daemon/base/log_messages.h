/* log_messages - the ids by which systemd's journal knows what an operator may meet.
 *
 * A row per message of log_error() and log_warning(): its text, and the MESSAGE_ID under which
 * systemd/golived.catalog says what happened and what to do (tests/system/test_journal.py compares
 * the three). An id is for ever; a new one comes from `systemd-id128 new`.
 */
#ifndef GOLIVED_BASE_LOG_MESSAGES_H
#define GOLIVED_BASE_LOG_MESSAGES_H

/* clang-format off */
#define LOG_MESSAGES(X) \
	X("f5db429e74e24d85b20736bf992aeed9", "cannot open the database") \
	X("b8f4eb6e018042e6be74367ee35e1f17", "cannot open the admin API") \
	X("aa4b8a1632d94288a6f8927ef449ae2b", "cannot read [upstream] api_key_file") \
	X("b80c92d8008d484db8d5f738a179714e", "configuration mistake") \
	X("1032273c2cc940f18e30170fd6ec11fc", "reload refused; the configuration stays as it was") \
	X("ae0dc879acf7452ba530fda387f0db7a", "the admin keys stay as they were") \
	X("96d3082f9d8241bd85454014c502cc54", "restart to take these over") \
	X("d9ad733c5db24156b17d28e13e51ce1b", "the database failed; nothing more is written") \
	X("fbe3e51c709248cf91b06fbf8c8e6647", "store degraded") \
	X("e0d66724e97644f9a9346599e492868f", "store transaction failed") \
	X("44c715327de24105bb1c14f80083dc2c", \
	  "store waits for another " \
	  "process that holds the database") \
	X("f558b8e22ca440f6b593e5e961606393", "store checkpoint failed") \
	X("344e00b262d840d1b72076f4acfec494", "no thread for the store") \
	X("b76a813d4aec4c529c17836811dad54d", "polling waits for the store") \
	X("3e102efb67f747d58d12a5d115c1e8b5", "cannot remember what was learned of the limits") \
	X("6dc8c8132faa4397b367ae4af98ad94c", "cannot read who is watched") \
	X("7993d6c5a04444daa2b875934c597cea", "cannot read what was asked before") \
	X("2863748d009c4269a423d823bd5359a3", "event exists already") \
	X("a821c46269f849c291122140008f9cef", \
	  "nobody is polled: there is no key for " \
	  "the upstream service; set [upstream] api_key_file or GOLIVED_UPSTREAM_API_KEY") \
	X("430b9a932b8144eb980906939040fd1c", \
	  "upstream refuses the key: check " \
	  "[upstream] api_key_file and the plan") \
	X("7fe3e08663964a1e90c07fc0f24968f1", "upstream check failed") \
	X("776e0fdf1b6c4dfb94df4fc1b6cc9d50", "limits are not known: using those of the tier") \
	X("7da9317489ca46f9ad2293532e6cb21e", \
	  "too many creators change at " \
	  "once: waiting for a second check") \
	X("172342c931de467eac40c3f2ffad0f6d", "creator quarantined: the service refuses the handle") \
	X("c14628735a1441ff813ed5307d191b48", "cannot read the api keys") \
	X("5620581273904a238928782f233931ce", "the store could not do what was asked") \
	X("ba29cf322efc4bc28f050c5b8f84a730", "the admin key can be read by others; chmod 600 it") \
	X("bde9606728ea4090877877fcc8e4850d", "too many wrong keys") \
	X("fa03442a0b7549d4b9ca8280bdd0373d", "attempt not made") \
	X("b8fd9ffd24244c3f951bfd4bd26934be", "attempt failed") \
	X("fd5c16e4a8254135aeb9ec89be0d4fce", "endpoint failing") \
	X("39229a7f8b3c42ed93aaf5564bf73473", "delivery dead-lettered") \
	X("b4cbf2e2aec140cea43be7efb17ec18f", "webhook deactivated") \
	X("11329f07b34c4a48af08c6bfaa225ad2", "attempts not recorded, they will be made again") \
	X("950330ac53a141cab072efd1f17034a3", "cannot take up deliveries") \
	X("54703b743ea24e298866fe9628c3b0c5", "cannot list lanes") \
	X("8a83c9cbd4dd41d5a1dab87fbd6681e1", "cannot look for new deliveries") \
	X("29e97816f8284056a7e8960cec13f6cf", "cannot claim deliveries") \
	X("40de86863ad84cec9a25e6b5fa36ca25", "cannot note what is in flight") \
	X("8fbbb714c0be4060b186de6726fe4e8e", "cannot plan deliveries anew") \
	X("24703e5bc5cc4f8e9ec05a22b7774f76", "cannot record attempts") \
	X("8422b00dfff3418585f561333fdfff51", "stopped before everything in flight was stored") \
	X("e5ba2a2a2e3347c09777129ad9dd89d8", "second signal: stopping at once") \
	X("4cdbaec83c1b4186a18e1905c8f3a070", "housekeeping failed") \
	X("a4c133f03be548c58c861750df885313", "cannot start the resolver") \
	X("e4c455a34dbe473aaada1f757b942be7", "the resolver does not take its servers") \
	X("e6442e0d503c4a52999d3096d80bf0c8", "log lines dropped") \
	X("2a10b94c01c841eda00c73a8b08195a7", \
	  "what was sealed may still be " \
	  "readable in unused parts of the database") \
	X("cffc1b851a294b80be30831a1643aec8", \
	  "the key of the database can " \
	  "be read by others; chmod 600 it") \
	X("d80af3718cb046059970ca4bf69e1b08", \
	  "the copy made before the upgrade " \
	  "holds readable secrets")
/* clang-format on */

#endif
