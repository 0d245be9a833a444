"""What docs/operating.md tells an operator to do: backup and restore; and what it promises of retention."""

import shutil
import subprocess
import time

from golived import BUILD, clean_environment, wait_until


def backup(golived, copy):
    """As the guide has it: the database by golivectl, its key and the admin key beside it."""
    copy.mkdir()
    done = subprocess.run([BUILD / "golivectl", "backup", copy / "golived.db", "-c", golived.config],
                          env=clean_environment(), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done
    for name in ("secret.key", "admin.key"):
        shutil.copy2(golived.folder / name, copy / name)


def put_aside(golived, aside):
    aside.mkdir()
    for path in [*golived.folder.glob("golived.db*"), golived.folder / "secret.key", golived.folder / "admin.key"]:
        path.rename(aside / path.name)


def known(golived):
    """What must be the same after a restore."""
    return {
        "webhooks": [(row["id"], row["target_url"], row["dead"], row["pending"]) for row in golived.all_of("/api/webhooks", "webhooks")],
        "events": [row["event_id"] for row in golived.events()],
        "deliveries": {row["id"]: row["status"] for row in golived.deliveries()},
        "lists": [row["name"] for row in golived.get("/api/watchlists")["watchlists"]],
    }


def test_a_restored_backup_is_the_daemon_of_that_moment_and_goes_on(start_golived, upstream, receiver, tmp_path):
    golived = start_golived()
    webhook = golived.register(receiver.url("/ok"))
    golived.watch("friends", ["ann", "ben"])
    golived.wait_for_state("ben", "offline")
    upstream.go_live("ann")
    first = receiver.wait_for(1)[0]
    wait_until(lambda: golived.deliveries("?status=delivered"), 20, "the delivery is on record")
    before = known(golived)
    backup(golived, tmp_path / "backup")
    assert known(golived) == before  # a backup changes nothing

    golived.watch("later", ["carl"])
    upstream.go_live("ben")
    receiver.wait_for(2)
    assert golived.stop() == 0
    put_aside(golived, tmp_path / "before")
    for path in (tmp_path / "backup").iterdir():
        shutil.copy2(path, golived.folder / path.name)
    golived.start()

    assert known(golived)["webhooks"][0][:2] == before["webhooks"][0][:2]
    assert known(golived)["lists"] == before["lists"]
    assert set(before["events"]) <= set(known(golived)["events"])
    # ben is live and was not at the backup's time: found anew, by a new event, signed with the secret that the backup has.
    again = receiver.wait_for(3)[2]
    assert again.event["creator"]["unique_id"] == "ben" and again.event["event_id"] != first.event["event_id"]
    again.assert_signed(webhook["secret"])
    assert [delivery.event["creator"]["unique_id"] for delivery in receiver.deliveries()].count("ann") == 1


WEBHOOKS, CREATORS = 30, 40
SLICE_ROWS = 500  # of daemon/janitor.c


def test_what_is_old_goes_in_slices_and_what_is_pending_stays(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"schedule": "0s, 1h"}, "retention": {"delivered": "1h"}})
    names = [f"creator{number:03}" for number in range(CREATORS)]
    for number in range(WEBHOOKS):
        golived.register(receiver.url("/ok"), name=f"webhook {number}", event_types=["live.start"])
    failing = golived.register(receiver.url("/status/500"), event_types=["live.start"])
    golived.watch("all", names)
    for name in names:
        golived.wait_for_state(name, "offline")
    upstream.script_many(names, live=True)
    wait_until(lambda: golived.get("/api/status")["deliveries"]["delivered_today"] >= WEBHOOKS * CREATORS, 60,
               "everything that can be is delivered")
    assert WEBHOOKS * CREATORS > 2 * SLICE_ROWS

    golived.stop()
    time.sleep(1.2)  # so that all of it is older than a second at the next start, when the janitor looks
    golived.change({"retention": {"delivered": "1s", "dead": "1s", "events": "1s", "sessions": "1s"}})
    golived.start()
    # The janitor is at work: what is fresh must not wait for it.
    upstream.script("fresh", live=False)
    golived.watch("more", ["fresh"])
    golived.wait_for_state("fresh", "offline")
    upstream.go_live("fresh")
    wait_until(lambda: [one for one in receiver.deliveries("/ok") if one.event["creator"]["unique_id"] == "fresh"], 20, "the fresh one")

    wait_until(lambda: golived.get("/api/webhooks/" + failing["id"])["pending"] >= CREATORS, 20, "the failing ones are pending")
    wait_until(lambda: not [row for row in golived.deliveries("?status=delivered") if row["creator"] != "fresh"], 30,
               "what was delivered is gone")
    pending = [row for row in golived.deliveries() if row["creator"] != "fresh"]
    assert len(pending) == CREATORS and {row["webhook_id"] for row in pending} == {failing["id"]}
    # Their events stay, for a replay needs the body; so do the sessions of those who are live.
    assert {row["creator"] for row in golived.events()} >= set(names)
    assert golived.get(f"/api/deliveries/{pending[0]['id']}")["payload"]["event"] == "live.start"
    assert all(golived.creator(name)["sessions"] for name in names[:3])
