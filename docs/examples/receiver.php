<?php
// Receives golived's webhooks: verify, answer, then work. PHP 8.0 or newer, nothing to install. Behind php-fpm, or to try:
//
//     php -S 127.0.0.1:9000 receiver.php
//
// WEBHOOK_SECRET  whsec_..., as shown when the webhook was registered; both, separated by a space, during a rotation
// WEBHOOK_STATE   a directory of its own, outside of what the web server serves: PHP forgets everything between two
//                 requests, so what has been handled is remembered there (yours: a table, with event_id as its key)

declare(strict_types=1);

const TOLERANCE_S = 300;

// Whether one of the signatures is that of one of the secrets over these bytes, and was made within five minutes of $now.
function verify(array $secrets, string $id, string $timestamp, string $signatures, string $body, int $now): bool
{
    if (!ctype_digit($timestamp) || abs($now - (int) $timestamp) > TOLERANCE_S) {
        return false;
    }
    $good = false;
    foreach ($secrets as $secret) {
        $key = base64_decode(substr($secret, strlen('whsec_')));
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
        foreach (explode(' ', $signatures) as $signature) {
            $good = hash_equals($expected, $signature) || $good;
        }
    }
    return $good;
}

// golived delivers at least once: a file can be created once only, so the second time says false.
function is_new(string $directory, string $event_id): bool
{
    return @fopen("$directory/event-" . rawurlencode($event_id), 'x') !== false;
}

// Retries come late: what is older than the last one of the same creator is history. Tests have no sequence.
function is_in_order(string $directory, string $creator, ?int $sequence): bool
{
    if ($sequence === null) {
        return true;
    }
    $file = fopen("$directory/creator-" . rawurlencode($creator), 'c+');
    flock($file, LOCK_EX); // until the file is closed, at the end of this function
    if ($sequence < (int) stream_get_contents($file)) {
        return false;
    }
    rewind($file);
    fwrite($file, (string) $sequence); // never shorter than before
    return true;
}

// Your work goes here.
function handle(array $event, string $directory): void
{
    if (!is_new($directory, $event['event_id'])) {
        error_log("repeat {$event['event_id']}");
        return;
    }
    $creator = $event['creator']['unique_id'];
    if (!is_in_order($directory, $creator, $event['sequence'])) {
        error_log("outdated {$event['event_id']}");
        return;
    }
    $sequence = $event['sequence'] ?? 'null';
    $test = $event['is_test'] ? ' (test)' : '';
    error_log("{$event['event']} $creator sequence=$sequence event={$event['event_id']}$test");
}

function main(): void
{
    $secrets = preg_split('/\s+/', (string) getenv('WEBHOOK_SECRET'), -1, PREG_SPLIT_NO_EMPTY);
    $directory = (string) getenv('WEBHOOK_STATE');
    if ($secrets === [] || !is_writable($directory)) {
        error_log('set WEBHOOK_SECRET to the whsec_... of your webhook, and WEBHOOK_STATE to a writable directory');
        http_response_code(500);
        return;
    }
    $header = fn (string $name): string => $_SERVER["HTTP_WEBHOOK_$name"] ?? '';
    $body = file_get_contents('php://input');
    if (!verify($secrets, $header('ID'), $header('TIMESTAMP'), $header('SIGNATURE'), $body, time())) {
        http_response_code(401);
        return;
    }
    $event = json_decode($body, true);
    if ($event === null) {
        http_response_code(400);
        return;
    }
    http_response_code(204);
    if (function_exists('fastcgi_finish_request')) {
        fastcgi_finish_request(); // golived has its answer; the work may take its time
    }
    handle($event, $directory);
}

if (PHP_SAPI !== 'cli') { // on the command line this is a library, for a test
    main();
}
