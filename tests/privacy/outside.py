"""outside.py - the server as a process and its database as psql; both really there."""
import http.client
import signal
import subprocess
import time


class Database:
    """One psql that takes statements and says when they were committed."""

    def __init__(self, log):
        self.psql = subprocess.Popen(['psql', '-X', '-qAt', '-v', 'ON_ERROR_STOP=0'], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=open(log, 'ab'), text=True)
        self.asked = 0

    def run(self, sql):
        """Rows as lists of text, when it began and when it had ended."""
        self.asked += 1
        mark, rows, began = 'done %d' % self.asked, [], time.time()
        self.psql.stdin.write('%s;\n\\echo %s\n' % (sql, mark))
        self.psql.stdin.flush()
        while (line := self.psql.stdout.readline().rstrip('\n')) != mark:
            rows.append(line.split('|'))
        return rows, began, time.time()

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


class Server:
    def __init__(self, binary, config, log, http_port):
        self.command, self.log, self.http_port = [binary, '--config', config], log, http_port
        self.process, self.started_at, self.killed_at = None, 0, 0

    def is_ready(self):
        try:
            connection = http.client.HTTPConnection('127.0.0.1', self.http_port, timeout=1)
            connection.request('GET', '/readyz')
            return connection.getresponse().status == 200
        except OSError:
            return False

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=open(self.log, 'ab'), stderr=subprocess.STDOUT)
        while not self.is_ready():
            if self.process.poll() is not None or time.time() - self.killed_at > 60 and self.killed_at:
                raise SystemExit('the server does not start')
            time.sleep(0.01)
        self.started_at = time.time()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.killed_at = time.time()

    def stop(self):
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)
