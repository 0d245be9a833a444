<?php
// Says what receiver.php thinks of the message in VERIFY_..., at VERIFY_NOW.

declare(strict_types=1);

require "$argv[1]/receiver.php";

$given = fn (string $name): string => (string) getenv("VERIFY_$name");
$good = verify(explode(' ', $given('SECRETS')), $given('ID'), $given('TIMESTAMP'), $given('SIGNATURES'), $given('BODY'),
    (int) $given('NOW'));
echo $good ? "good\n" : "refused\n";
