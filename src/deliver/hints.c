/*
 * The server's reply counts first, then libcurl's result and the phase. One sentence covers every
 * fault of a certificate: libcurl's own text before it says which, and its result code is the same
 * for all of them with every TLS library.
 */
#include "deliver/hints.h"

static const char *for_reply(enum smtp_phase phase, int code)
{
	if (phase == PHASE_AUTH)
		return code >= 500 ? "see User=, PasswordFile= and Auth="
				   : "the server cannot check the password now: see its log";
	if (code < 500)
		return "a temporary refusal, e.g. greylisting or a limit: it is tried again";
	switch (phase) {
	case PHASE_CONNECT:
		return "the server rejects this host: ask its administrator, or see "
		       "Server=";
	case PHASE_EHLO:
		return "see EhloName=";
	case PHASE_STARTTLS:
		return "see the server's log, and Tls=";
	case PHASE_MAIL:
		return code == 530
			       ? "the server requires authentication: see User= and PasswordFile="
			       : "see From= and EnvelopeFrom=";
	case PHASE_RCPT:
		return "see To=; a server that refuses to relay requires User= and PasswordFile=";
	case PHASE_DATA:
	case PHASE_BODY:
		return code == 552 ? "the message is too large: see MaxPerMail="
				   : "the message itself was refused: see the server's log";
	default:
		return NULL;
	}
}

const char *hints_find(CURLcode r, enum smtp_phase phase, int code)
{
	if (code >= 400)
		return for_reply(phase, code);
	switch (r) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "is the host name in Server= right, and does the resolver work?";
	case CURLE_COULDNT_CONNECT:
		return "is the mail server running, and the port in Server= right?";
	case CURLE_OPERATION_TIMEDOUT:
		return phase == PHASE_CONNECT
			       ? "is the port in Server= right? A port with implicit TLS needs "
				 "smtps://; or a firewall is in the way"
			       : "see the server's log, and Timeout=";
	case CURLE_USE_SSL_FAILED:
		return "the server offers no STARTTLS, which Tls= or User= requires";
	case CURLE_PEER_FAILED_VERIFICATION:
		return "Server= must name the host as its certificate does, CaFile= who signed "
		       "it, or PinnedKey= its key; an expired one must be renewed";
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return "the server's key is not that of PinnedKey=";
	case CURLE_SSL_CACERT_BADFILE:
		return "CaFile= cannot be read";
	case CURLE_SSL_CERTPROBLEM:
		return "ClientCert= or ClientKey= cannot be used";
	case CURLE_LOGIN_DENIED:
		return phase == PHASE_AUTH ? "see User=, PasswordFile= and Auth="
					   : "the server offers no usable mechanism: see Auth=";
	default:
		break;
	}
	/* In TLS 1.3 a server rejects a client after the handshake, when EHLO was sent already. */
	if (phase == PHASE_STARTTLS || phase == PHASE_EHLO)
		return "see TlsMinimum=, ClientCert= and the server's log";
	if (phase == PHASE_CONNECT && r == CURLE_SSL_CONNECT_ERROR)
		return "does the server speak TLS at this port? For STARTTLS use smtp://";
	return "see the server's log";
}
